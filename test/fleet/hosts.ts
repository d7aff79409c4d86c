/** Hosts on one network, as network namespaces of this machine: their cables can be pulled. Needs root and `ip`. */
import { spawnSync } from 'node:child_process';

/** Says why there can be no such hosts here; undefined: there can. */
export function whyNoHosts(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const name = `priot-try-${process.pid}`;
  const { status, error, stderr } = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
  if (error !== undefined || status !== 0) return `ip netns add: ${error?.message ?? stderr.trim()}`;
  spawnSync('ip', ['netns', 'del', name]);
  return undefined;
}

/** Host 0 has the switch; host n has the address 10.213.0.(n + 1). */
export class Hosts {
  readonly #names: string[] = [];

  constructor(count: number) {
    for (let host = 0; host < count; host += 1) this.#names.push(`priot-${process.pid}-${host}`);
    for (const name of this.#names) ip('netns', 'add', name);
    const hub = this.#names[0]!;
    ip('-n', hub, 'link', 'add', 'switch', 'type', 'bridge');
    ip('-n', hub, 'addr', 'add', `${this.address(0)}/24`, 'dev', 'switch');
    ip('-n', hub, 'link', 'set', 'switch', 'up');
    for (const [host, name] of this.#names.entries()) {
      ip('-n', name, 'link', 'set', 'lo', 'up');
      if (host === 0) continue;
      ip('-n', hub, 'link', 'add', `port${host}`, 'type', 'veth', 'peer', 'name', 'cable', 'netns', name);
      ip('-n', hub, 'link', 'set', `port${host}`, 'master', 'switch', 'up');
      ip('-n', name, 'addr', 'add', `${this.address(host)}/24`, 'dev', 'cable');
      ip('-n', name, 'link', 'set', 'cable', 'up');
    }
  }

  address(host: number): string {
    return `10.213.0.${host + 1}`;
  }

  /** Program and first arguments through which something runs on a host. */
  through(host: number): [string, ...string[]] {
    return ['ip', 'netns', 'exec', this.#names[host]!];
  }

  /** Pulls the cable of a host, or puts it in again. */
  cable(host: number, state: 'up' | 'down'): void {
    // At the switch: the host itself sees no change, as with a switch that is off somewhere between.
    ip('-n', this.#names[0]!, 'link', 'set', `port${host}`, state);
  }

  remove(): void {
    for (const name of this.#names) spawnSync('ip', ['netns', 'del', name]);
  }
}

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
}
