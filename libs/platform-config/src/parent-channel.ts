/**
 * Calls `end` when the process that started this one over a channel has gone, however it went: no signal tells of a
 * parent that was killed. Without a channel nothing is watched. The channel alone does not keep this process alive.
 */
export function whenParentGoes(end: () => void): void {
  const { channel } = process;
  if (!channel) return;
  process.once('disconnect', end);
  // Listening for the end of the channel would otherwise keep the process alive.
  channel.unref();
}
