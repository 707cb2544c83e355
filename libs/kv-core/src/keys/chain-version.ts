/**
 * Version of the key chain, part of every root: keys of another version are never equal to keys of this one. Version 2
 * has one key per `LINK_TOKENS`, from a root that names how the KV was computed.
 */
export const CHAIN_VERSION = 2;

/** Tokens of one link of the chain: what fills a page of an engine. A stored block has a whole number of links. */
export const LINK_TOKENS = 16;
