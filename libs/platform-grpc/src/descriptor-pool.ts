import { createFileRegistry, fromBinary, toBinary, type DescFile, type FileRegistry } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

/** What can be told of the services of one server: the files that describe them, and what these import. */
export class DescriptorPool {
  readonly registry: FileRegistry;
  readonly #services: () => readonly string[];

  /** @param sets serialized `google.protobuf.FileDescriptorSet`s, with their imports. @param services full names, as they are now. */
  constructor(sets: readonly Uint8Array[], services: () => readonly string[]) {
    const file = sets.flatMap((bytes) => fromBinary(FileDescriptorSetSchema, bytes).file);
    const byName = new Map(file.map((one) => [one.name, one]));
    const set = fromBinary(FileDescriptorSetSchema, new Uint8Array(0));
    set.file.push(...byName.values());
    this.registry = createFileRegistry(set);
    this.#services = services;
  }

  /** Serialized descriptors of a file and all that it imports, imports first; null for an unknown one. */
  fileNamed(name: string): Uint8Array[] | null {
    const file = [...this.#visible()].find(({ proto }) => proto.name === name);
    return file ? serialized(file) : null;
  }

  /** As `fileNamed`, of the file that declares a service, method, message, field, enum or value. */
  fileOfSymbol(symbol: string): Uint8Array[] | null {
    const file = this.#fileOf(symbol);
    return file && this.#visible().has(file) ? serialized(file) : null;
  }

  /** True for a message that can be seen. Nothing here has extensions. */
  hasMessage(name: string): boolean {
    const message = this.registry.getMessage(name);
    return message !== undefined && this.#visible().has(message.file);
  }

  #fileOf(symbol: string): DescFile | null {
    const known = this.registry.get(symbol);
    if (known) return known.file;
    const dot = symbol.lastIndexOf('.');
    if (dot < 0) return null;
    const [parent, member] = [symbol.slice(0, dot), symbol.slice(dot + 1)];
    const holder = this.registry.get(parent);
    if (holder) return hasMember(holder, member) ? holder.file : null;
    // Values of an enum are named beside it, not in it.
    for (const type of this.registry) {
      const isHolder = type.kind === 'enum' && type.typeName.slice(0, type.typeName.lastIndexOf('.')) === parent;
      if (isHolder && type.values.some(({ name }) => name === member)) return type.file;
    }
    return null;
  }

  /** Files of this server's services and what they import. */
  #visible(): Set<DescFile> {
    const files = new Set<DescFile>();
    for (const name of this.#services()) {
      const service = this.registry.getService(name);
      if (service) for (const file of withImports(service.file)) files.add(file);
    }
    return files;
  }
}

function hasMember(holder: NonNullable<ReturnType<FileRegistry['get']>>, member: string): boolean {
  switch (holder.kind) {
    case 'service':
      return holder.methods.some(({ name }) => name === member);
    case 'message':
      return (
        holder.fields.some(({ name }) => name === member) ||
        holder.oneofs.some(({ name }) => name === member) ||
        holder.nestedEnums.some(({ values }) => values.some(({ name }) => name === member))
      );
    case 'enum':
      return holder.values.some(({ name }) => name === member);
    case 'extension':
      return false;
  }
}

function withImports(file: DescFile, seen = new Set<DescFile>()): Set<DescFile> {
  for (const one of file.dependencies) if (!seen.has(one)) withImports(one, seen);
  return seen.add(file);
}

function serialized(file: DescFile): Uint8Array[] {
  return [...withImports(file)].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
}
