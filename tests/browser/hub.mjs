// A hub for the page to talk to: started from its binary, or one that runs already.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const START_MS = 20_000;
const OUTPUT_MAX = 16_384;
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * `ALEATORIA_URL` names a running hub; otherwise `ALEATORIA_BIN`, or the build in `target/`, is started.
 * A missing binary is a failure: these tests are never skipped.
 */
export async function openHub() {
  const { ALEATORIA_URL, ALEATORIA_BIN } = process.env;
  if (ALEATORIA_URL && !ALEATORIA_BIN) {
    return { url: ALEATORIA_URL, close: async () => {}, check: () => {}, restart: () => assert.fail('a restart needs ALEATORIA_BIN, the hub\'s binary') };
  }
  const built = ['target/release/aleatoria', 'target/debug/aleatoria'].map((path) => ROOT + path);
  const binary = ALEATORIA_BIN ?? built.find(existsSync);
  assert.ok(binary && existsSync(binary), `no hub: build it, or set ALEATORIA_BIN or ALEATORIA_URL (looked for ${binary ?? built.join(', ')})`);
  let running = await start(binary, 0);
  return {
    get url() { return running.url; },
    close: () => running.kill(),
    kill: () => running.kill(),
    /** Fails when the hub ended by itself, with its last words. */
    check: () => running.check(),
    /** Starts it again, on the port that it had. */
    restart: async () => { running = await start(binary, running.port); },
  };
}

async function start(binary, port) {
  const child = spawn(binary, [], {
    cwd: '/',
    env: {
      PATH: process.env.PATH, PORT: String(port), HOST: '127.0.0.1', STORAGE_BACKEND: 'memory',
      // Hundreds of messages are written at once to have a history to scroll through.
      RATE_FRAMES_PER_SEC: '0', RUST_LOG: 'info',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)));
  let isKilled = false;
  let end;
  ended.then((how) => { end = how; });
  let output = '';
  const address = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the hub named no address in ${START_MS} ms:\n${output}`)), START_MS);
    child.once('error', reject);
    ended.then((how) => reject(new Error(`the hub ended with ${how}:\n${output}`)));
    const hear = (chunk) => {
      // The end of it is enough.
      output = (output + chunk).slice(-OUTPUT_MAX);
      // The log may be coloured.
      const plain = output.replace(/\u001b\[[0-9;]*m/g, '');
      // Not the address that was asked for, whose port may be 0.
      const found = [...plain.matchAll(/127\.0\.0\.1:([1-9]\d*)\b/g)][0];
      if (!found) return;
      clearTimeout(timer);
      resolve(found);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
  }).catch((error) => { child.kill('SIGKILL'); throw error; });
  return {
    url: `http://${address[0]}`,
    port: Number(address[1]),
    kill: () => { isKilled = true; child.kill('SIGKILL'); return ended; },
    check: () => assert.ok(isKilled || end === undefined, `the hub ended by itself with ${end}:\n${output}`),
  };
}
