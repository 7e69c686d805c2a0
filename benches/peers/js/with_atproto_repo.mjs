// @atproto/repo, the reference implementation. `verifyRepoCar` hashes every block, checks the
// signature and that every record is there; the walk of the tree checks neither key order nor
// layers. Arguments, answer and exit codes are those of the programs in ../src. The package asks for
// Node 22; 20 runs it, with a warning of npm's.

import { Secp256k1Keypair } from '@atproto/crypto';
import { MemoryBlockstore, Repo, WriteOpAction, getFullRepo, readCarWithRoot, verifyRepoCar } from '@atproto/repo';
import { readFileSync, writeFileSync } from 'node:fs';

// As in ../src/account.rs, with which the data roots after the commits are compared.
const DID = 'did:plc:ewvi7nxzyoun6zhxrhs64oiz';
const DID_KEY = 'did:key:zQ3shXgWjVsCJsv9mBm6kVqFSjAnErMg3zG9CcyvmUCCaFRCr';
const SECRET = '07'.repeat(32);
const COLLECTION = 'app.bsky.feed.post';
const FRESH_MICROS = 1_790_000_000_000_000n;
const FRESH_STEP_MICROS = 1_000_003n;

const [job, file, commits] = process.argv.slice(2);
const jobs = { verify, import: importRepo, export: exportRepo, commit };
if (!(job in jobs) || !file) {
  console.error('usage: verify FILE | import FILE | export FILE | commit FILE COMMITS');
  process.exit(2);
}
const done = await jobs[job]();
const version = JSON.parse(readFileSync(new URL('node_modules/@atproto/repo/package.json', import.meta.url))).version;
console.log(JSON.stringify({ peer: '@atproto/repo', version, job, ...done }));

async function verify() {
  const stop = start();
  const verified = await verifyRepoCar(readFileSync(file), DID, DID_KEY);
  return { records: verified.creates.length, ...stop() };
}

async function importRepo() {
  const stop = start();
  const repo = await fill();
  const spent = stop();
  return { records: await count(repo), ...spent };
}

async function exportRepo() {
  const repo = await fill();
  const records = await count(repo);
  const stop = start();
  const pieces = [];
  for await (const piece of getFullRepo(repo.storage, repo.cid)) pieces.push(piece);
  const car = Buffer.concat(pieces);
  return { records, ...stop(), bytes: car.length };
}

async function commit() {
  let repo = await fill();
  const before = await count(repo);
  const key = await Secp256k1Keypair.import(SECRET);
  const stop = start();
  for (let n = 0; n < Number(commits); n++) repo = await repo.applyWrites(create(n), key);
  const spent = stop();
  return { records: (await count(repo)) - before, ...spent, data: repo.commit.data.toString() };
}

async function fill() {
  const { root, blocks } = await readCarWithRoot(readFileSync(file));
  return Repo.load(new MemoryBlockstore(blocks), root);
}

// Through a fresh view of the tree, so that no job finds nodes decoded already.
async function count(repo) {
  const fresh = await Repo.load(repo.storage, repo.cid);
  return fresh.data.leafCount();
}

function create(n) {
  const text = `Entry ${n} of the log: wind from the west, all well, nothing in sight.`;
  const record = { $type: COLLECTION, createdAt: '2026-11-22T08:00:00.000Z', text };
  const rkey = tid(FRESH_MICROS + BigInt(n) * FRESH_STEP_MICROS);
  return { action: WriteOpAction.Create, collection: COLLECTION, rkey, record };
}

function tid(micros) {
  const digits = '234567abcdefghijklmnopqrstuvwxyz';
  let key = '';
  for (let left = micros << 10n; key.length < 13; left >>= 5n) key = digits[Number(left & 31n)] + key;
  return key;
}

// Begins to measure, and gives what ends it. The high-water mark of memory is set back first.
function start() {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Then the mark is the whole run's.
  }
  const wall = process.hrtime.bigint();
  const cpu = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    const wallSeconds = Number(process.hrtime.bigint() - wall) / 1e9;
    const peak = readFileSync('/proc/self/status', 'utf8').match(/VmHWM:\s*(\d+)/);
    return { wall_s: wallSeconds, cpu_s: (user + system) / 1e6, peak_kib: Number(peak?.[1] ?? 0) };
  };
}
