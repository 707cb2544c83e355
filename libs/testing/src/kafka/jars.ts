import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withFolderLock } from './folder-lock.js';

const KAFKA_VERSION = '4.3.1';
const SLF4J_VERSION = '1.7.36';
const DOWNLOAD_TIMEOUT_MS = 15 * 60_000;

const CACHE = fileURLToPath(new URL('../../../../.longhaul/test-servers/kafka', import.meta.url));

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>longhaul.test</groupId>
  <artifactId>kafka-broker</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>${KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-nop</artifactId>
      <version>${SLF4J_VERSION}</version>
      <scope>runtime</scope>
    </dependency>
  </dependencies>
</project>
`;

/** Where the broker's jars are once they were fetched: a folder that is complete or not there. */
export function kafkaJarFolder(): string {
  return join(CACHE, KAFKA_VERSION);
}

/**
 * The broker's jars, fetched through Maven on first use (44 MB) and shared by every worktree process after that.
 *
 * @throws Error with Maven's last lines when it fails or takes longer than fifteen minutes.
 */
export async function ensureKafkaJars(): Promise<string> {
  const folder = kafkaJarFolder();
  if (existsSync(folder)) return folder;
  await mkdir(CACHE, { recursive: true });
  await withFolderLock(join(CACHE, 'lock'), DOWNLOAD_TIMEOUT_MS, async () => {
    if (!existsSync(folder)) await fetchJars(folder);
  });
  return folder;
}

async function fetchJars(folder: string): Promise<void> {
  const part = `${folder}.${process.pid}.part`;
  process.stderr.write(`Fetching Apache Kafka ${KAFKA_VERSION} (44 MB) through Maven into ${folder}\n`);
  try {
    await mkdir(part, { recursive: true });
    const pom = join(part, 'pom.xml');
    await writeFile(pom, POM);
    const started = Date.now();
    await runMaven(pom, join(part, 'jars'));
    await rename(join(part, 'jars'), folder);
    process.stderr.write(`Apache Kafka is there after ${Math.round((Date.now() - started) / 1000)} s\n`);
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

function runMaven(pom: string, output: string): Promise<void> {
  const goal = 'dependency:copy-dependencies';
  const args = ['-q', '-B', '-f', pom, goal, `-DoutputDirectory=${output}`, '-DincludeScope=runtime'];
  return new Promise((resolve, reject) => {
    const maven = spawn('mvn', args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: DOWNLOAD_TIMEOUT_MS });
    let tail = '';
    const keep = (chunk: Buffer) => {
      tail = (tail + chunk.toString()).slice(-2000);
    };
    maven.stdout.on('data', keep);
    maven.stderr.on('data', keep);
    const progress = setInterval(() => process.stderr.write('Still fetching Apache Kafka\n'), 30_000);
    maven.on('error', reject);
    maven.on('close', (code, signal) => {
      clearInterval(progress);
      if (code === 0) resolve();
      else reject(new Error(`Maven could not fetch Apache Kafka (${signal ?? `exit ${code}`}): ${tail}`));
    });
  });
}
