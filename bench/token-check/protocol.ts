/** A token and what is needed to check it. */
export interface TokenCase {
  token: string;
  jwk: Record<string, unknown>;
  pem: string;
  issuer: string;
  audience: string;
}

export type CheckCommand = { type: 'prepare'; of: TokenCase; main: string } | { type: 'sample'; ms: number };

/** `micros`: CPU time of one check. */
export type CheckEvent = { type: 'prepared' } | { type: 'sampled'; micros: number };
