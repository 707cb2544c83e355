/** A server on free ports that keeps nothing, with a context so short that no case computes for long. */
export const SERVER_FLAGS: readonly string[] = [
  ...['--port', '0', '--grpc-port', '0', '--kv-store', 'off'],
  ...['--max-model-len', '1024', '--kv-cache-tokens', '32768'],
];
