import { Module } from '@nestjs/common';
import { PreferencesModule } from './preferences/preferences.module.js';
import { ProfilesModule } from './profiles/profiles.module.js';

/** The user service. */
@Module({ imports: [ProfilesModule, PreferencesModule] })
export class UserModule {}
