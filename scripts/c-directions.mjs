// node scripts/c-directions.mjs OBJECTS: the firmware's modules depend on one another in one direction. OBJECTS is the
// folder with the object files of firmware/engine, session and pico.
// What a file includes is read from the sources; which module calls which, from the symbols in the object files.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** What the files of a folder may include, beside their own folder. The engine knows no session, the session no board. */
const mayInclude = {
  engine: [],
  session: ['engine', 'proto'],
  pico: ['engine', 'session', 'proto'],
  wasm: ['engine', 'session', 'proto'],
  pretraining: ['engine', 'wasm', 'session', 'proto'],
  fuzz: ['engine', 'session', 'proto'],
  qemu: ['engine', 'session', 'proto'],
};
/** Kernels do their work on a layer; they neither call nor know what drives them. */
const kernels = /^engine\/kernels\//;
const aboveKernels =
  /^engine\/(methods|operations)\/|^engine\/(engine|forward|backward|passes|plan|layout|network|check|tensors)\./;
/** What still points the wrong way, until it is mended: "from -> to", modules without their endings. */
const known = new Set([]);

const [objects] = process.argv.slice(2);
const root = 'firmware';
const moduleOf = (file) => file.replace(/\.\w+(\.o)?$/, '');
const filesIn = (folder, ending) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => ending.test(file));

/** "from -> to" of sources: every #include "…" of a file, with the file it names. */
function includes() {
  const edges = [];
  for (const file of filesIn(root, /\.[chS]$/)) {
    for (const [, name] of readFileSync(join(root, file), 'utf8').matchAll(/^\s*#include\s+"([^"]+)"/gm)) {
      const places = [dirname(file), 'engine', 'session', 'pico', 'wasm/include'].map((folder) => join(folder, name));
      const found = places.map(normalize).find((place) => existsSync(join(root, place)));
      // what is nowhere here is generated, nanopb's or the SDK's
      edges.push([file, found ?? (/\.pb\.h$|^pb/.test(name) ? `proto/${name}` : undefined)]);
    }
  }
  return edges.filter(([, to]) => to !== undefined);
}

/** Module -> modules whose functions or data it uses, in the linked image. */
function uses() {
  const definedIn = new Map();
  const undefinedIn = new Map();
  const files = existsSync(objects) ? filesIn(objects, /^(engine|session)\/.*\.o$/) : [];
  if (files.length === 0) return new Map();
  const lines = execFileSync('arm-none-eabi-nm', ['-g', '-A', ...files], { cwd: objects, encoding: 'utf8' });
  for (const [, file, kind, symbol] of lines.matchAll(/^(.+?):.* (\w) (\S+)$/gm)) {
    const from = moduleOf(file);
    if (!undefinedIn.has(from)) undefinedIn.set(from, []);
    if (kind === 'U') undefinedIn.get(from).push(symbol);
    else definedIn.set(symbol, from);
  }
  const graph = new Map();
  for (const [from, wanted] of undefinedIn) {
    // what engine and session leave to their platform (the cycle counter, say) is in neither
    graph.set(from, new Set(wanted.map((symbol) => definedIn.get(symbol)).filter((to) => to && to !== from)));
  }
  return graph;
}

/** A way from each node back to itself, if there is one that has no known edge; undefined otherwise. */
function findCircle(graph) {
  const done = new Set();
  const path = [];
  const visit = (node) => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    if (done.has(node)) return undefined;
    path.push(node);
    for (const next of graph.get(node) ?? []) {
      if (known.has(`${moduleOf(node)} -> ${moduleOf(next)}`)) continue;
      const circle = visit(next);
      if (circle) return circle;
    }
    path.pop();
    done.add(node);
    return undefined;
  };
  for (const node of graph.keys()) {
    const circle = visit(node);
    if (circle) return circle;
  }
  return undefined;
}

const complaints = [];
const includeGraph = new Map();
for (const [from, to] of includes()) {
  includeGraph.set(from, (includeGraph.get(from) ?? new Set()).add(to));
  const [folder, other] = [from, to].map((file) => file.split('/')[0]);
  if (folder !== other && !mayInclude[folder]?.includes(other)) complaints.push(`${from} includes ${to}`);
  if (kernels.test(from) && aboveKernels.test(to) && !/^engine\/engine\.h$/.test(to)) {
    complaints.push(`${from} includes ${to}: kernels are below what calls them`);
  }
}
const useGraph = uses();
if (useGraph.size === 0) complaints.push(`no object files in ${objects}: run make firmware`);
const seen = new Set();
for (const [from, tos] of useGraph) {
  for (const to of tos) {
    const edge = `${from} -> ${to}`;
    seen.add(edge);
    if (kernels.test(from) && aboveKernels.test(`${to}.c`) && !known.has(edge)) {
      complaints.push(`${from} uses ${to}: kernels are below what calls them`);
    }
  }
}
for (const graph of [includeGraph, useGraph]) {
  const circle = findCircle(graph);
  if (circle) complaints.push(`a circle: ${circle.join(' -> ')}`);
}
for (const edge of known) {
  if (!seen.has(edge)) process.stderr.write(`scripts/c-directions.mjs: "${edge}" is gone; take it from the list\n`);
}
for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
process.exitCode = complaints.length > 0 ? 1 : 0;
