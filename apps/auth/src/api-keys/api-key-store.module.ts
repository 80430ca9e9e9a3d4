import { Module } from '@nestjs/common';
import { DatabaseModule } from '@nexus/database';
import { ApiKeysRepository } from './api-keys.repository.js';

/** The rows alone: what ends sessions ends the tokens of keys, too, and keys need what ends tokens. */
@Module({
  imports: [DatabaseModule.forService('auth')],
  providers: [ApiKeysRepository],
  exports: [ApiKeysRepository],
})
export class ApiKeyStoreModule {}
