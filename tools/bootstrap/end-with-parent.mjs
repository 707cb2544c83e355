// Loaded before a program (`--import`) that was started over a channel: it ends when the other end has gone, unless it
// listens for that itself, as a service does to end in order. The channel alone keeps nothing alive.
import { fileURLToPath } from 'node:url';

if (process.channel) {
  process.once('disconnect', () => {
    if (process.listenerCount('disconnect') === 0) process.exit(1);
  });
  process.channel.unref();
}

// Not for what the program forks, which would get the flag by inheritance: a fork that waits for messages lives by its
// channel.
const file = fileURLToPath(import.meta.url);
const flag = process.execArgv.findIndex((word, index) => word === '--import' && process.execArgv[index + 1] === file);
if (flag >= 0) process.execArgv.splice(flag, 2);
