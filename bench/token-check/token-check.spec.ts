import { createPublicKey, verify } from 'node:crypto';
import { type CheckSample, checkRatios, judgeTokenChecks, tokenCase, tokenCheckSection } from './token-check.ts';

/** Both slow down together: the ratio of a round stays. */
const SAMPLES: CheckSample[] = [1, 2, 3].flatMap((slow, round): CheckSample[] => [
  { checker: 'own-verifier', round, micros: 0.2 * slow },
  { checker: 'fast-jwt', round, micros: 5 * slow },
]);

describe('token checks', () => {
  it('compare within rounds', () => {
    expect(checkRatios(SAMPLES).map((ratio) => ratio.toFixed(3))).toEqual(['0.040', '0.040', '0.040']);
    expect(judgeTokenChecks(SAMPLES)).toMatchObject({ measured: '0.040', target: '≤ 0.050', met: true });
    expect(tokenCheckSection(SAMPLES)).toContain('**0.040** (spread 0 %)');
  });

  it('take a token that both can check', () => {
    const { token, jwk, pem, issuer } = tokenCase();
    const [head = '', claims = '', signature = ''] = token.split('.');
    const signed = Buffer.from(`${head}.${claims}`);
    const keys = [createPublicKey({ key: jwk, format: 'jwk' }), createPublicKey(pem)];
    for (const key of keys) {
      const given = Buffer.from(signature, 'base64url');
      expect(verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, given)).toBe(true);
    }
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({ iss: issuer, aud: 'nexus', sv: 1 });
  });
});
