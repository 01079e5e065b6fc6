import ipaddr from 'ipaddr.js';
import { HooklineError } from '../errors.ts';

/** What an installation allows beyond https to public addresses; `allowOrigin` is one exact origin that no rule applies to. */
export type DestinationRules = { allowHttp: boolean; allowNetworks: readonly string[]; allowOrigin?: string };

/** `reason` completes the sentence "<host> is not allowed: …" and names the remedy, never an address. */
export type Judgement = { allowed: true } | { allowed: false; reason: string };

type Address = ReturnType<typeof ipaddr.parse>;

/** Link-local and cloud metadata (AWS, GCP, Alibaba, Oracle, Azure): no setting opens these. */
const never = [
  '169.254.0.0/16',
  '168.63.129.16/32',
  '100.100.100.200/32',
  '192.0.0.192/32',
  'fe80::/10',
  'fd00:ec2::254/128',
  'fd20:ce::254/128',
].map((cidr) => ipaddr.parseCIDR(cidr));

/** Inside 2000::/3 but not the public internet; ipaddr.js knows most of them, the list does not depend on it. */
const reservedIpv6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20', '2620:4f:8000::/48'].map((cidr) =>
  ipaddr.parseCIDR(cidr),
);
const globalIpv6 = ipaddr.parseCIDR('2000::/3');

/** IPv6 ranges that carry an IPv4 address, with the byte where it starts: NAT64, translated, compatible, 6to4. */
const ipv4Carriers = [
  { network: ipaddr.parseCIDR('64:ff9b::/96'), start: 12 },
  { network: ipaddr.parseCIDR('::ffff:0:0:0/96'), start: 12 },
  { network: ipaddr.parseCIDR('::/96'), start: 12 },
  { network: ipaddr.parseCIDR('2002::/16'), start: 2 },
];

/**
 * Whether an address belongs to the public internet (IANA special-purpose registries, RFC 6890).
 * An IPv4-mapped IPv6 address counts as its IPv4 address; anything unreadable, or with a zone id, is not public.
 */
export function isPublicAddress(ip: string): boolean {
  const address = parse(ip);
  return address !== null && isPublic(address);
}

/**
 * Judges one address that a request is about to go to.
 * @param allowNetworks CIDRs that are allowed besides public addresses; they never open link-local and metadata addresses.
 */
export function judgeAddress(ip: string, allowNetworks: readonly string[]): Judgement {
  const address = parse(ip);
  if (address === null) return { allowed: false, reason: 'it is not a usable IP address' };
  const carried = carriedIpv4(address);
  if (isIn(never, address) || (carried && isIn(never, carried))) {
    return { allowed: false, reason: 'link-local and cloud metadata addresses are never contacted' };
  }
  const opened = allowNetworks.filter((cidr) => ipaddr.isValidCIDR(cidr)).map((cidr) => ipaddr.parseCIDR(cidr));
  if (isPublic(address) || isIn(opened, address)) return { allowed: true };
  return {
    allowed: false,
    reason: 'its address is not public; if it should be reachable, add its network to HOOKLINE_ALLOW_NETWORKS',
  };
}

/**
 * Judges what a URL shows without a look-up: scheme, literal address, localhost (RFC 6761). Used when a webhook is saved and
 * before each request; names are judged by their addresses when they are dialled.
 */
export function judgeUrl(url: URL, rules: DestinationRules): Judgement {
  if (url.origin === rules.allowOrigin) return { allowed: true };
  if (url.protocol === 'http:' && !rules.allowHttp) {
    return { allowed: false, reason: 'use https, or allow plain http with HOOKLINE_ALLOW_HTTP=true' };
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    return { allowed: false, reason: `the scheme ${url.protocol} is not supported; use https` };
  }
  const host = dialledHost(url);
  if (host === 'localhost' || host.endsWith('.localhost')) return judgeAddress('127.0.0.1', rules.allowNetworks);
  return ipaddr.isValid(host) ? judgeAddress(host, rules.allowNetworks) : { allowed: true };
}

/** `reason` is that of a judgement. */
export function blocked(url: URL, reason: string): HooklineError {
  return new HooklineError('delivery.blocked', `${url.host || url.protocol} is not allowed: ${reason}`);
}

/** The host as it is looked up and dialled: an IPv6 literal without its brackets, a name without its last dot. */
export function dialledHost(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

function parse(ip: string): Address | null {
  if (ip.includes('%') || !ipaddr.isValid(ip)) return null;
  return ipaddr.process(ip);
}

function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast' || isIn(never, address)) return false;
  return address.kind() === 'ipv4' || (isIn([globalIpv6], address) && !isIn(reservedIpv6, address));
}

function isIn(networks: [Address, number][], address: Address): boolean {
  return networks.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits));
}

function carriedIpv4(address: Address): Address | null {
  const carrier = ipv4Carriers.find(({ network }) => isIn([network], address));
  return carrier ? ipaddr.fromByteArray(address.toByteArray().slice(carrier.start, carrier.start + 4)) : null;
}
