const swc = {
  jsc: {
    target: 'es2023',
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: true },
  },
  module: { type: 'es6' },
  sourceMaps: 'inline',
};

/** Workspace packages resolve to their TypeScript sources through the `@longhaul/source` export condition. */
export default {
  testMatch: ['<rootDir>/{libs,services,tools}/*/{src,test}/**/*.{spec,integration-spec,e2e-spec}.ts'],
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['@longhaul/source', 'node', 'node-addons', 'import'] },
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', swc] },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  modulePathIgnorePatterns: ['/dist/', '/build/'],
  testTimeout: 60_000,
  maxWorkers: 2,
};
