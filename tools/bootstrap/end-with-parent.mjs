// Loaded before a program (`--import`) that was started over a channel: it ends when the other end has gone, unless it
// listens for that itself, as a service does to end in order. The channel alone keeps nothing alive.
if (process.channel) {
  process.once('disconnect', () => {
    if (process.listenerCount('disconnect') === 0) process.exit(1);
  });
  process.channel.unref();
}
