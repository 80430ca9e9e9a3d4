import { Module } from '@nestjs/common';
import { DerivedKeys } from './derived-keys.service.js';

@Module({ providers: [DerivedKeys], exports: [DerivedKeys] })
export class SecretsModule {}
