import { lookup as lookupAddresses } from 'node:dns/promises';
import { once } from 'node:events';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { blocked, dialledHost, type DestinationRules, judgeAddress } from '../domain/delivery/address.ts';
import type { Phase } from '../domain/delivery/outcome.ts';

/** All addresses of a name, as `dns.lookup(name, { all: true })` gives them. */
export type Lookup = (hostname: string) => Promise<{ address: string; family: number }[]>;

/** Opens a socket to a URL's origin, TLS included; every phase is announced; an abort closes the socket, connected or not. */
export type Dial = (url: URL, enter: (phase: Phase) => void, signal: AbortSignal) => Promise<Socket>;

/** How long one address has before the next is tried; several addresses of a name are tried one after the other. */
const ADDRESS_ATTEMPT_MS = 500;

/**
 * The only way out: a dialler that judges the addresses it connects to. One address that is not allowed blocks the whole name, and
 * only vetted addresses are dialled, so the name is not looked up a second time (no DNS rebinding).
 * @param ca PEM of the certificate authorities to trust instead of those of Node.js.
 * @returns a function that throws `delivery.blocked`, or what the network threw.
 */
export function createDial(rules: DestinationRules, lookup: Lookup = lookupAll, ca?: string): Dial {
  const lookupOnce = shareLookups(lookup);
  return async (url, enter, signal) => {
    const host = dialledHost(url);
    const family = isIP(host);
    enter('dns');
    const addresses = family === 0 ? await lookupOnce(host) : [{ address: host, family }];
    signal.throwIfAborted();
    if (addresses.length === 0) throw Object.assign(new Error('the host name has no address'), { code: 'ENODATA' });
    for (const { address } of addresses) assertAllowed(url, address, rules);

    enter('connect');
    const socket = connectTcp({
      host,
      port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
      lookup: (_hostname, _options, found) => found(null, addresses),
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_MS,
      noDelay: true,
      signal,
    }).on('error', ignore);
    await once(socket, 'connect', { signal });
    if (socket.remoteAddress !== undefined) assertAllowed(url, socket.remoteAddress, rules, socket);
    if (url.protocol === 'http:') return socket;

    enter('tls');
    const servername = family === 0 ? host : '';
    const secure = connectTls({ socket, host, servername, ca, ALPNProtocols: ['http/1.1'] }).on('error', ignore);
    await once(secure, 'secureConnect', { signal });
    return secure;
  };
}

function assertAllowed(url: URL, address: string, rules: DestinationRules, socket?: Socket): void {
  if (url.origin === rules.allowOrigin) return;
  const judgement = judgeAddress(address, rules.allowNetworks);
  if (judgement.allowed) return;
  socket?.destroy();
  throw blocked(url, judgement.reason);
}

function lookupAll(hostname: string) {
  return lookupAddresses(hostname, { all: true, verbatim: true });
}

/**
 * One look-up per name at a time: a name whose DNS hangs holds one thread of Node's pool, not one per delivery. Half
 * of UV_THREADPOOL_SIZE many names that hang make all others wait, which is why `npm start` and the image raise it.
 */
function shareLookups(lookup: Lookup): Lookup {
  const pending = new Map<string, ReturnType<Lookup>>();
  return (hostname) => {
    const asked = pending.get(hostname) ?? lookup(hostname).finally(() => pending.delete(hostname));
    pending.set(hostname, asked);
    return asked;
  };
}

/** Errors are taken from `once` and from undici; a late one must not end the process. */
function ignore(): void {}
