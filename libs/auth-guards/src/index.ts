export { type Access, accessOf, Public, Roles, Scopes } from './access.decorator.js';
export { AccessTokenVerifier, type VerifierOptions } from './access-token-verifier.js';
export { apiKeyDigest, apiKeyPrefix, isApiKey, newApiKey } from './api-key.js';
export { AuthGuard } from './auth.guard.js';
export { tokenConfig } from './auth-guards.config.js';
export { authorise, challenge } from './authorise.js';
export { RevocationList } from './revocation-list.js';
export { SCOPE_TEXTS, SCOPES, type Scope } from './scopes.js';
