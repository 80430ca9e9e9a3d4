import { Module } from '@nestjs/common';
import { JwtModule } from '@nestjs/jwt';
import { DatabaseModule } from '@nexus/database';
import { SecretsModule } from '../secrets/secrets.module.js';
import { TimeModule } from '../time/time.module.js';
import { AccessTokens } from './access-tokens.service.js';
import { JwksController } from './jwks.controller.js';
import { KeySeal } from './key-seal.service.js';
import { SigningKeysRepository } from './signing-keys.repository.js';
import { SigningKeys } from './signing-keys.service.js';

@Module({
  imports: [DatabaseModule.forService('auth'), JwtModule.register({}), SecretsModule, TimeModule],
  controllers: [JwksController],
  providers: [KeySeal, SigningKeysRepository, SigningKeys, AccessTokens],
  exports: [SigningKeys, SigningKeysRepository, AccessTokens],
})
export class KeysModule {}
