import { describe, expect, it } from 'vitest';
import { signatureHeaders, signingSecretFault } from '../../../domain/delivery/signature.ts';

const published = {
  deliveryId: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: 1614265330,
  body: '{"test": 2432232314}',
};

const headers = (input: Partial<Parameters<typeof signatureHeaders>[0]>) =>
  Object.fromEntries(
    signatureHeaders({
      profile: 'standard',
      keys: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
      ...published,
      ...input,
    }),
  );

describe('the standard signature', () => {
  it('is that of the example which Standard Webhooks publishes', () => {
    expect(headers({})).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('is made with each active key, in their order', () => {
    const keys = ['whsec_bmV3ZXIgc2VjcmV0IG9mIDI0IGJ5dGVz', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'];
    expect(headers({ keys })['webhook-signature']?.split(' ')).toEqual([
      headers({ keys: keys.slice(0, 1) })['webhook-signature'],
      'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    ]);
  });

  it('takes a text of another form as its own bytes', () => {
    const inBase64 = headers({ keys: ['whsec_YSB0ZXh0IG9mIHNvbWVib2R5IGVsc2U='] });
    expect(headers({ keys: ['a text of somebody else'] })).toEqual(inBase64);
  });

  it('signs the empty text where there is no body', () => {
    expect(headers({ body: null })).toEqual(headers({ body: '' }));
    expect(headers({ body: null })['webhook-signature']).toBe('v1,v48jdbgvh29KJz2Qc+ghw8G6vG3nAKnujWBg8oM/62A=');
  });
});

describe('the signature of Customer.io', () => {
  // printf 'v0:1614265330:{"test": 2432232314}' | openssl dgst -sha256 -hmac 'the oldest key of all'
  it('is made with the whole text of the oldest active key', () => {
    expect(headers({ profile: 'customerio', keys: ['whsec_bmV3ZXI=', 'the oldest key of all'] })).toEqual({
      'X-CIO-Timestamp': '1614265330',
      'X-CIO-Signature': 'db887db5c970abfe448b06d0218acce1cdd9bad679e020d58088043e5a01dfc1',
      'X-CIO-Idempotency-Key': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    });
  });
});

describe('a request', () => {
  it('is not signed where the profile is none', () => {
    expect(headers({ profile: 'none', keys: [] })).toEqual({});
  });

  it.each(['standard', 'customerio'] as const)('of the profile %s never goes unsigned for want of a key', (profile) => {
    expect(() => headers({ profile, keys: [] })).toThrow('no active signing key');
  });
});

describe('a secret that is imported', () => {
  const whsec = (bytes: number) => `whsec_${Buffer.alloc(bytes, 7).toString('base64')}`;

  it.each([whsec(24), whsec(64), whsec(25).replace(/=+$/, ''), 'sixteen letters.'])('may be %s', (secret) => {
    expect(signingSecretFault(secret)).toBeNull();
  });

  it.each([
    [whsec(23), 'write 24 to 64 bytes in base64 behind whsec_'],
    [whsec(65), 'write 24 to 64 bytes in base64 behind whsec_'],
    ['whsec_not in base64 at all, however long', 'write 24 to 64 bytes in base64 behind whsec_'],
    ['fifteen letters', 'write whsec_ and 24 to 64 bytes in base64, or 16 characters'],
  ])('is refused as %s', (secret, fault) => {
    expect(signingSecretFault(secret)).toBe(fault);
  });
});
