import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface HubFile {
  data: Buffer;
  /** Large files are listed by SHA-256, small ones by git's object id. */
  large: boolean;
  /** Replaces the digest that is listed. */
  listedDigest?: string;
}

/** A model hub with one repository on 127.0.0.1: model info, file list, downloads with ranges. */
export class HubServer {
  readonly #repo: string;
  readonly files = new Map<string, HubFile>();
  readonly requests: { path: string; range: string | undefined; token: string | undefined }[] = [];
  commit = 'c'.repeat(40);
  /** Replaces the sizes that are listed. */
  listedSize: number | null = null;
  /** Downloads break off after this many bytes. */
  cutAfterBytes = Infinity;
  readonly #server: Server = createServer((request, response) => this.#answer(request, response));

  constructor(repo: string) {
    this.#repo = repo;
  }

  put(name: string, content: string | Uint8Array, options: Partial<HubFile> = {}): void {
    this.files.set(name, { data: Buffer.from(content as Uint8Array), large: false, ...options });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? '').split('?')[0] as string;
    this.requests.push({ path, range: request.headers.range, token: request.headers.authorization });
    if (path.startsWith(`/api/models/${this.#repo}/revision/`)) {
      return this.#json(response, { _id: '1', id: this.#repo, sha: this.commit });
    }
    if (path.startsWith(`/api/models/${this.#repo}/tree/`)) return this.#json(response, this.#list());
    const prefix = `/${this.#repo}/resolve/${this.commit}/`;
    const file = path.startsWith(prefix) ? this.files.get(path.slice(prefix.length)) : undefined;
    if (!file) {
      response.writeHead(404, { 'X-Error-Code': 'EntryNotFound' }).end();
      return;
    }
    this.#download(file, request.headers.range, response);
  }

  #json(response: ServerResponse, value: unknown): void {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  }

  #list(): unknown[] {
    return [...this.files].map(([path, { data, large, listedDigest }]) => {
      const oid = createHash('sha1').update(`blob ${data.length}\0`).update(data).digest('hex');
      const size = this.listedSize ?? data.length;
      const sha256 = listedDigest ?? createHash('sha256').update(data).digest('hex');
      return {
        type: 'file',
        path,
        size,
        oid: listedDigest ?? oid,
        ...(large ? { lfs: { oid: sha256, size, pointerSize: 130 } } : {}),
      };
    });
  }

  #download(file: HubFile, range: string | undefined, response: ServerResponse): void {
    const { data } = file;
    const [first, last] = (/bytes=(\d+)-(\d*)/.exec(range ?? '')?.slice(1) ?? ['0', '']) as [string, string];
    const start = Number(first);
    const end = Math.min(last === '' ? Infinity : Number(last), data.length - 1);
    const body = data.subarray(start, end + 1);
    response.writeHead(range === undefined ? 200 : 206, {
      etag: '"x"',
      'content-length': body.length,
      'content-range': `bytes ${start}-${end}/${data.length}`,
    });
    if (body.length <= this.cutAfterBytes) {
      response.end(body);
      return;
    }
    response.write(body.subarray(0, this.cutAfterBytes), () => setTimeout(() => response.destroy(), 50));
  }
}
