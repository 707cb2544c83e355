import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

const FRAMEWORKS = ['@nestjs/*', 'rxjs', '@grpc/*', 'kafkajs', '@opentelemetry/*', 'fastify', 'pino'];
/** A core decides; it never reads a file, opens a socket or starts a process. */
const NODE_IO = [
  'fs',
  'fs/promises',
  'net',
  'http',
  'http2',
  'https',
  'child_process',
  'worker_threads',
  'dgram',
  'tls',
];
const nodeIoPatterns = NODE_IO.flatMap((name) => [name, `node:${name}`]);

const mayDependOn = (sourceTag, ...tags) => ({ sourceTag, onlyDependOnLibsWithTags: tags });

const boundaries = {
  enforceBuildableLibDependency: false,
  allow: [],
  depConstraints: [
    { ...mayDependOn('type:kernel'), bannedExternalImports: FRAMEWORKS },
    // Opens what others name: below everything that does I/O.
    { ...mayDependOn('type:files', 'type:kernel'), bannedExternalImports: FRAMEWORKS },
    mayDependOn('type:contracts', 'type:kernel'),
    { ...mayDependOn('type:core', 'type:kernel', 'type:core'), bannedExternalImports: FRAMEWORKS },
    // Runs a core's work where it can be ended: as low as the native libraries, below whatever has foreign input.
    { ...mayDependOn('type:sandbox', 'type:kernel', 'type:core'), bannedExternalImports: FRAMEWORKS },
    { ...mayDependOn('type:native', 'type:kernel', 'type:core'), bannedExternalImports: FRAMEWORKS },
    {
      ...mayDependOn(
        'type:adapter',
        'type:kernel',
        'type:files',
        'type:contracts',
        'type:core',
        'type:sandbox',
        'type:adapter',
        'type:testing',
      ),
      bannedExternalImports: FRAMEWORKS,
    },
    mayDependOn('type:platform', 'type:kernel', 'type:files', 'type:contracts', 'type:platform', 'type:testing'),
    mayDependOn(
      'type:client',
      ...['type:kernel', 'type:files', 'type:contracts', 'type:core', 'type:adapter', 'type:platform', 'type:testing'],
    ),
    mayDependOn('type:testing', 'type:kernel', 'type:contracts', 'type:core', 'type:native'),
    mayDependOn(
      'type:service',
      ...[
        'type:kernel',
        'type:files',
        'type:contracts',
        'type:core',
        'type:native',
        'type:sandbox',
        'type:adapter',
        'type:platform',
        'type:client',
        'type:testing',
      ],
    ),
    mayDependOn(
      'type:composition',
      ...[
        'type:kernel',
        'type:files',
        'type:contracts',
        'type:core',
        'type:native',
        'type:sandbox',
        'type:adapter',
        'type:platform',
        'type:client',
        'type:testing',
      ],
      'type:service',
    ),
    mayDependOn('type:tool', '*'),
  ],
};

const coreImports = {
  group: ['**/adapters/**', ...FRAMEWORKS, ...nodeIoPatterns],
  message: 'A core has no I/O and no framework.',
};

/** The folders of the kv-store's core, each with those it may build on. They meet at their index and nowhere else. */
const KV_STORE_ROOMS = {
  tiers: [],
  events: [],
  residence: ['tiers', 'events'],
  writing: ['tiers', 'residence'],
  reading: ['tiers', 'residence'],
};
const roomNames = Object.keys(KV_STORE_ROOMS);
const indexOnly = {
  regex: `(^\\.{1,2}|core)/(${roomNames.join('|')})/(?!index\\.js$)`,
  message: 'Another folder of the core is used through its index.',
};
const roomRules = Object.entries(KV_STORE_ROOMS).map(([room, below]) => ({
  files: [`services/kv-store/src/core/${room}/*.ts`],
  ignores: ['**/*.spec.ts'],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          coreImports,
          indexOnly,
          {
            regex: `^\\.\\./(${roomNames.filter((name) => !below.includes(name)).join('|')})/`,
            message: `${room} builds on ${below.join(' and ') || 'no other folder'}.`,
          },
        ],
      },
    ],
  },
}));

/** What reads only files of the system, or of this installation. */
const OWN_FILES = [
  '{services,tools}/*/src/version.ts',
  'libs/engine-native/src/engine.ts',
  'libs/model/src/leftovers/process-owner.ts',
  'libs/platform-otel/src/observe-process.ts',
  'tools/cli/src/doctor/machine.ts',
];

export default tseslint.config(
  { ignores: ['**/dist/**', '**/build/**', '**/node_modules/**', '**/generated/**', '.nx/**', '.longhaul/**'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommended],
    plugins: { '@nx': nx },
    languageOptions: { parserOptions: { project: './tsconfig.spec.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@nx/enforce-module-boundaries': ['error', boundaries],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false },
      ],
      'max-lines': ['error', { max: 400, skipBlankLines: false, skipComments: false }],
      'max-lines-per-function': ['error', { max: 80, skipComments: true }],
      'no-console': 'error',
      eqeqeq: ['error', 'always'],
    },
  },
  {
    files: ['**/*.{spec,integration-spec,e2e-spec}.ts', '**/test/**/*.ts', '**/bench/**/*.ts'],
    rules: { 'max-lines-per-function': 'off', 'no-console': 'off' },
  },
  { files: ['tools/**/*.ts'], rules: { 'no-console': 'off' } },
  {
    files: [
      'services/*/src/core/**/*.ts',
      'libs/{kernel,onnx,attention,inference,tokenizer,engine,kv-core}/src/**/*.ts',
    ],
    ignores: ['**/*.spec.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [coreImports],
        },
      ],
    },
  },
  {
    files: ['services/kv-store/src/**/*.ts'],
    ignores: ['**/*.spec.ts', 'services/kv-store/src/core/*/*.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [indexOnly] }] },
  },
  {
    files: ['services/kv-store/src/core/*.ts'],
    ignores: ['**/*.spec.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [coreImports, indexOnly] }] },
  },
  ...roomRules,
  {
    // A pipe, a device or an endless file must not be read because somebody named it: libs/files opens them all.
    files: ['libs/*/src/**/*.ts', 'services/*/src/**/*.ts', 'tools/cli/src/**/*.ts'],
    ignores: ['**/*.spec.ts', 'libs/{files,testing,contracts}/**', ...OWN_FILES],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector:
            'ImportDeclaration[source.value=/^(node:)?fs/] ImportSpecifier[imported.name=/^(readFile|readFileSync|createReadStream|openSync)$/]',
          message: 'Files that others name are read by @longhaul/files.',
        },
        {
          selector: "CallExpression[callee.name=/^mkdir(Sync)?$/] Property[key.name='recursive']",
          message: 'Node never returns where a name is refused with ENOENT: use makeDirectory of @longhaul/files.',
        },
        {
          selector:
            ':matches(PropertyDefinition, MethodDefinition[kind!="constructor"])[accessibility=/^(private|protected)$/]',
          message: 'Private members are #private.',
        },
      ],
    },
  },
  {
    // Nest reads constructor types at run time: a type-only import would erase them.
    files: ['services/**/*.ts', 'libs/platform-*/**/*.ts'],
    rules: { '@typescript-eslint/consistent-type-imports': 'off' },
  },
);
