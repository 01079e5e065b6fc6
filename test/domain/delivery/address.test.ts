import { describe, expect, it } from 'vitest';
import { dialledHost, isPublicAddress, judgeAddress, judgeUrl } from '../../../domain/delivery/address.ts';

const notPublic = [
  '0.1.2.3',
  '10.0.0.1',
  '100.64.0.1',
  '127.0.0.1',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.8',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.0.1',
  '198.18.0.1',
  '198.19.255.255',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '168.63.129.16',
  '::',
  '::1',
  '::127.0.0.1',
  '::ffff:127.0.0.1',
  '::ffff:10.0.0.1',
  '::ffff:0:127.0.0.1',
  '64:ff9b::7f00:1',
  '64:ff9b:1::1',
  '100::1',
  '2001::1',
  '2001:1ff::1',
  '2001:db8::1',
  '2002:7f00:1::',
  '2620:4f:8000::1',
  '3fff::1',
  '4000::1',
  '5f00::1',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'fe80::1%eth0',
  '2606:4700::1111%eth0',
  'fec0::1',
  'ff02::1',
  'example.com',
  '',
];

describe('isPublicAddress', () => {
  it.each(notPublic)('does not take %s for public', (ip) => {
    expect(isPublicAddress(ip)).toBe(false);
  });

  it.each(['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700:4700::1111', '2001:4860:4860::8888', '::ffff:8.8.8.8'])(
    'takes %s for public',
    (ip) => {
      expect(isPublicAddress(ip)).toBe(true);
    },
  );
});

describe('judgeAddress', () => {
  it('names the setting that opens a private range', () => {
    expect(judgeAddress('10.1.2.3', [])).toEqual({
      allowed: false,
      reason: 'its address is not public; if it should be reachable, add its network to HOOKLINE_ALLOW_NETWORKS',
    });
  });

  it.each(['10.1.2.3', '::ffff:10.1.2.3', 'fd12::1', '127.0.0.1', '100.64.0.7'])(
    'lets %s pass where its range is opened',
    (ip) => {
      expect(judgeAddress(ip, ['10.0.0.0/8', 'fd12::/16', '127.0.0.0/8', '100.64.0.0/10'])).toEqual({ allowed: true });
    },
  );

  it('keeps what is outside the opened range blocked', () => {
    expect(judgeAddress('10.2.0.1', ['10.1.0.0/16']).allowed).toBe(false);
  });

  it.each([
    '169.254.169.254',
    '::ffff:169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    '2002:a9fe:a9fe::1',
    '168.63.129.16',
    '100.100.100.200',
    'fe80::1',
    'fd00:ec2::254',
  ])('never opens %s, link-local or metadata, not even to 0.0.0.0/0 and ::/0', (ip) => {
    expect(judgeAddress(ip, ['0.0.0.0/0', '::/0'])).toEqual({
      allowed: false,
      reason: 'link-local and cloud metadata addresses are never contacted',
    });
  });

  it('opens nothing for a network that it cannot read', () => {
    expect(judgeAddress('10.0.0.1', ['10.0.0.0', 'all', '10.0.0.0/99']).allowed).toBe(false);
  });
});

describe('judgeUrl', () => {
  const strict = { allowHttp: false, allowNetworks: [] };
  const judge = (url: string, rules: Partial<Parameters<typeof judgeUrl>[1]> = {}) =>
    judgeUrl(new URL(url), { ...strict, ...rules }).allowed;

  it.each([
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0177.0.0.1/',
    'https://127.1/',
    'https://127.0.0.1./',
    'https://[::]/',
    'https://[::ffff:7f00:1]/',
    'https://good.example@127.0.0.1/',
    'https://localhost/',
    'https://localhost./',
    'https://api.localhost/',
    'http://example.com/',
    'ftp://example.com/',
    'file:///etc/passwd',
  ])('refuses %s', (url) => {
    expect(judge(url)).toBe(false);
  });

  it('lets a name pass, whose addresses are judged when it is dialled', () => {
    expect(judge('https://hooks.example.com:8443/in')).toBe(true);
  });

  it('allows plain http only where it is opened, and says how', () => {
    expect(judge('http://example.com/', { allowHttp: true })).toBe(true);
    expect(judgeUrl(new URL('http://example.com/'), strict)).toMatchObject({
      reason: expect.stringContaining('HOOKLINE_ALLOW_HTTP=true'),
    });
  });

  it('excepts one exact origin from all rules', () => {
    const rules = { allowOrigin: 'http://127.0.0.1:4311' };
    expect(judge('http://127.0.0.1:4311/in', rules)).toBe(true);
    expect(judge('http://127.0.0.1:4312/in', rules)).toBe(false);
    expect(judge('https://127.0.0.1:4311/in', rules)).toBe(false);
  });
});

describe('dialledHost', () => {
  it('drops the brackets of IPv6 and the last dot of a name', () => {
    expect(dialledHost(new URL('https://[2001:db8::1]:443/'))).toBe('2001:db8::1');
    expect(dialledHost(new URL('https://hooks.example.com./'))).toBe('hooks.example.com');
  });
});
