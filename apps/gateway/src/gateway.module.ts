import { Module } from '@nestjs/common';
import { DocsModule } from './docs/docs.module.js';
import { HomeModule } from './home/home.module.js';

@Module({ imports: [HomeModule, DocsModule] })
export class GatewayModule {}
