// `npm test`: everything that has to pass, and a last line `N passed, N failed`.
//   --unit        only the specs beside the code (no model, no servers)
//   other words   handed to jest (a path, -t NAME)
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepare, ROOT, runtime } from './steps.mjs';

const words = process.argv.slice(2);
const unit = words.includes('--unit');
const jestArgs = words.filter((word) => word !== '--unit');

await prepare();
if (!unit && jestArgs.length === 0) {
  fetchDefaultModel();
  prepareTestServers();
}

const folder = mkdtempSync(join(tmpdir(), 'longhaul-test-'));
const native = unit || jestArgs.length > 0 ? { passed: 0, failed: 0 } : runNativeTests();
const specs = await runJest(join(folder, 'report.json'));
rmSync(folder, { recursive: true, force: true });

const passed = native.passed + specs.passed;
const failed = native.failed + specs.failed;
process.stdout.write(`${passed} passed, ${failed} failed${specs.skipped ? `, ${specs.skipped} skipped` : ''}\n`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);

/** Specs that need the default model skip themselves with a printed reason where it cannot be had; CI insists on it. */
function fetchDefaultModel() {
  const cli = join(ROOT, 'tools', 'cli', 'dist', 'main.js');
  const result = spawnSync(runtime(), [cli, 'model', 'prepare', 'smollm2-135m-instruct'], { stdio: 'inherit' });
  if (result.status === 0) return;
  process.stderr.write('The default model could not be fetched: its specs are skipped.\n');
  if (process.env.CI === 'true') process.exit(1);
}

/** Kafka and S3 for the suites that need them; without Java, Maven or Go those are skipped, but not in CI. */
function prepareTestServers() {
  const program = join(ROOT, 'libs', 'testing', 'dist', 'prepare-servers.js');
  const result = spawnSync(runtime(), [program], { stdio: 'inherit' });
  if (result.status !== 0) process.exit(1);
}

function runNativeTests() {
  const total = { passed: 0, failed: 0 };
  for (const name of ['@longhaul/engine-native', '@longhaul/kv-native']) {
    const result = spawnSync('npm', ['run', '--silent', 'native:test', '-w', name], {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    if (result.status === 0) total.passed++;
    else total.failed++;
  }
  return total;
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
  const child = spawn(runtime(), args, { cwd: ROOT, env, stdio: ['ignore', 'ignore', 'inherit'] });
  await new Promise((resolve) => child.on('close', resolve));
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
