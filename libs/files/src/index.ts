export { makeDirectory, makePrivateDirectory } from './make-directory.js';
export { mustReadBytes, mustReadText } from './must-read.js';
export type { NamedFile } from './must-read.js';
export { readBytes, readText } from './read-file.js';
export type { BytesRead, TextRead } from './read-file.js';
export { openRegularFile } from './regular-file.js';
export type { OpenedFile, RegularFile } from './regular-file.js';
export { faultOfError } from './file-fault.js';
export type { FileFault } from './file-fault.js';
