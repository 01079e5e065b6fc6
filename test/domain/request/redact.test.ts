import { describe, expect, it } from 'vitest';
import { redactHeaders, redactRequest, redactText } from '../../../domain/request/redact.ts';

const secrets = ['s3cret/va lue"', 'tok-0123456789'];

describe('redaction', () => {
  it('masks what authorizes a request, and leaves the rest to be read', () => {
    const request = {
      method: 'POST',
      url: 'https://ann:pw@api.example.com/tok-0123456789/x?api_key=1&clientKey=2&page=3&access_token=4&sig=5&author=Poe#a',
      headers: [
        ['Authorization', 'Basic abc'],
        ['X-Api-Key', 'k'],
        ['Cookie', 'a=b'],
        ['X-Auth-Token', 't'],
        ['X-Hub-Signature', 's'],
        ['X-Author', 'Poe'],
        ['X-Note', 'has tok-0123456789 in it'],
        ['Idempotency-Key', 'dlv_1'],
        ['Content-Type', 'application/json'],
      ] satisfies [string, string][],
      body: '{"key":"tok-0123456789","page":3}',
    };
    expect(redactRequest(request, secrets)).toEqual({
      method: 'POST',
      url: 'https://***@api.example.com/***/x?api_key=***&clientKey=***&page=3&access_token=***&sig=***&author=Poe#a',
      headers: [
        ['Authorization', '***'],
        ['X-Api-Key', '***'],
        ['Cookie', '***'],
        ['X-Auth-Token', '***'],
        ['X-Hub-Signature', '***'],
        ['X-Author', 'Poe'],
        ['X-Note', 'has *** in it'],
        ['Idempotency-Key', 'dlv_1'],
        ['Content-Type', 'application/json'],
      ],
      body: '{"key":"***","page":3}',
    });
  });

  it.each([
    ['https://Hooks.Example.com:443/T0/Key#x', 'https://hooks.example.com/T0/Key'],
    ['https://ann:pw@hooks.example.com/T0/Key/', 'https://hooks.example.com/T0/Key'],
    ['Hooks-T0-Key.example.com', 'https://hooks-t0-key.example.com'],
  ])('masks %s as a URL has it when it is parsed', (secret, url) => {
    const { href } = new URL(`${url}/leads`);
    expect(redactRequest({ method: 'GET', url: href, headers: [], body: null }, [secret]).url).toMatch(
      /^(?:https:\/\/)?\*\*\*\/?leads$/,
    );
  });

  it('masks the headers of an answer', () => {
    expect(
      redactHeaders(
        [
          ['set-cookie', 'sid=1'],
          ['location', 'https://a:b@c.example/?token=1&x=2'],
          ['etag', 'W/"1"'],
        ],
        [],
      ),
    ).toEqual([
      ['set-cookie', '***'],
      ['location', 'https://***@c.example/?token=***&x=2'],
      ['etag', 'W/"1"'],
    ]);
  });

  it.each([
    ['as it is', 'a s3cret/va lue" b', 'a *** b'],
    ['percent-encoded', 'a=s3cret%2Fva%20lue%22', 'a=***'],
    ['percent-encoded in lower case', 'a=s3cret%2fva%20lue%22', 'a=***'],
    ['in a form', 'a=s3cret%2Fva+lue%22', 'a=***'],
    ['inside JSON', '{"a":"s3cret/va lue\\""}', '{"a":"***"}'],
    ['inside JSON with slashes escaped', '{"a":"s3cret\\/va lue\\""}', '{"a":"***"}'],
    ['inside JSON with quotes as code units', '{"a":"s3cret/va lue\\u0022"}', '{"a":"***"}'],
    ['more than once', 'tok-0123456789tok-0123456789', '******'],
    ['not at all', 'tok-012345678', 'tok-012345678'],
  ])('finds a secret %s', (_, text, expected) => {
    expect(redactText(text, secrets)).toBe(expected);
  });

  it.each([
    ['https://Hooks.Example.com/T0/B0', 'https://Hooks.Example.com/T0/B0/x', '***/x'],
    ['https://hooks.example.com:443/T0', 'https://hooks.example.com:443/T0', '***'],
    ['https://hooks.example.com', 'https://HOOKS.example.com/T0', '***/T0'],
    ['https://u:p@hooks.example.com/T0', 'https://hooks.example.com/T0', '***'],
    ['https://hooks.example.com/T0?token=abc', 'https://hooks.example.com/T0?token=abc', '***'],
    ['API.Example.com', 'https://API.Example.com/x', 'https://***/x'],
    ['api.example.com:443/T0', 'https://api.example.com:443/T0', 'https://***'],
    ['T0/B {0}', 'https://x.example/T0/B {0}', 'https://x.example/***'],
    ["it's {0}", "https://x.example/?a=it's {0}&b=1", 'https://x.example/?a=***&b=1'],
  ])('finds the secret %s in %s after that was parsed', (secret, url, expected) => {
    const request = { method: 'GET', url: new URL(url).href, headers: [], body: null };
    expect(redactRequest(request, [secret]).url).toBe(expected);
  });

  it.each(['', 'u', 'us', 'usr', 'user'])(
    'finds a secret in base64 behind %j, so that none of it can be decoded',
    (user) => {
      for (const encoding of ['base64', 'base64url'] as const) {
        const text = Buffer.from(`${user}:tok-0123456789:x`).toString(encoding);
        const redacted = redactText(text, secrets);
        expect(redacted).toContain('***');
        expect(redacted.length).toBeLessThan(text.length - 10);
      }
    },
  );

  it('takes no time for a text that is full of question marks', () => {
    const value = `/?a?token=x&${'?'.repeat(1_000_000)}`;
    expect(redactHeaders([['location', value]], [])[0]?.[1].slice(0, 20)).toBe('/?a?token=***&??????');
  });

  it('masks the longer of two secrets as a whole, and copes with none', () => {
    expect(redactText('abcdefgh-long', ['abcdefgh', 'abcdefgh-long'])).toBe('***');
    expect(redactText('anything', [])).toBe('anything');
    expect(redactText('anything', [''])).toBe('anything');
    expect(redactText('***', ['***'])).toBe('***');
  });
});
