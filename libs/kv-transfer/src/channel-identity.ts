/** One party's certificate and key, and the authority it trusts, PEM: mutual TLS on a data channel. */
export interface ChannelIdentity {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}
