// `npm test`: everything that has to pass, and a last line `N passed, N failed`.
//   --unit        only the specs beside the code (no model, no servers)
//   other words   handed to jest (a path, -t NAME)
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exitCodeOf, spawnStep } from './children.mjs';
import { prepare, ROOT, runtime } from './steps.mjs';

const words = process.argv.slice(2);
const unit = words.includes('--unit');
const jestArgs = words.filter((word) => word !== '--unit');

await prepare();
if (!unit && jestArgs.length === 0) {
  await fetchDefaultModel();
  await prepareTestServers();
}

const folder = mkdtempSync(join(tmpdir(), 'longhaul-test-'));
const native = unit || jestArgs.length > 0 ? { passed: 0, failed: 0 } : await runNativeTests();
const specs = await runJest(join(folder, 'report.json'));
rmSync(folder, { recursive: true, force: true });

const passed = native.passed + specs.passed;
const failed = native.failed + specs.failed;
process.stdout.write(`${passed} passed, ${failed} failed${specs.skipped ? `, ${specs.skipped} skipped` : ''}\n`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);

/** Specs that need the default model skip themselves with a printed reason where it cannot be had; CI insists on it. */
async function fetchDefaultModel() {
  const cli = join(ROOT, 'tools', 'cli', 'dist', 'main.js');
  const words = [cli, 'model', 'prepare', 'smollm2-135m-instruct'];
  if ((await run(runtime(), words, ['ignore', 'inherit', 'inherit'])) === 0) return;
  process.stderr.write('The default model could not be fetched: its specs are skipped.\n');
  if (process.env.CI === 'true') process.exit(1);
}

/** Kafka and S3 for the suites that need them; without Java, Maven or Go those are skipped, but not in CI. */
async function prepareTestServers() {
  const program = join(ROOT, 'libs', 'testing', 'dist', 'prepare-servers.js');
  if ((await run(runtime(), [program], ['ignore', 'inherit', 'inherit'])) !== 0) process.exit(1);
}

async function runNativeTests() {
  const total = { passed: 0, failed: 0 };
  for (const name of ['@longhaul/engine-native', '@longhaul/kv-native']) {
    const words = ['run', '--silent', 'native:test', '-w', name];
    if ((await run('npm', words, ['ignore', 'inherit', 'inherit'])) === 0) total.passed++;
    else total.failed++;
  }
  return total;
}

/** Runs a child in the repository's root, which a stop signal ends as well. @returns its exit code. */
function run(command, words, stdio, env = process.env) {
  const child = spawnStep(command, words, { cwd: ROOT, env, stdio });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (signal) process.exit(exitCodeOf(code, signal));
      resolve(code);
    });
  });
}

async function runJest(reportPath) {
  const args = [
    join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js'),
    '--config',
    join(ROOT, 'jest.config.mjs'),
    '--json',
    '--outputFile',
    reportPath,
    ...(unit ? ['--testPathPatterns', '/src/.*\\.spec\\.ts$'] : []),
    ...jestArgs,
  ];
  const env = {
    ...process.env,
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --no-warnings`,
  };
  await run(runtime(), args, ['ignore', 'ignore', 'inherit'], env);
  return readReport(reportPath);
}

function readReport(path) {
  try {
    const report = JSON.parse(readFileSync(path, 'utf8'));
    // A suite that does not even load has no failed test of its own.
    const brokenSuites = report.testResults.filter(
      (suite) => suite.status === 'failed' && suite.assertionResults.length === 0,
    );
    return {
      passed: report.numPassedTests,
      failed: report.numFailedTests + brokenSuites.length,
      skipped: report.numPendingTests,
    };
  } catch (error) {
    process.stderr.write(`jest left no report: ${error.message}\n`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
}
