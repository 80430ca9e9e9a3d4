import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { type PlatformConfig, platformConfig } from '@nexus/config';
import { exchangeOf, isLocalVisitor } from '@nexus/http';
import { errors } from '@nexus/kernel';
import type { FastifyRequest } from 'fastify';

/** Lets the developer at this machine in. For everybody else there is nothing here. */
@Injectable()
export class LocalVisitorGuard implements CanActivate {
  constructor(@Inject(platformConfig.token) private readonly platform: PlatformConfig) {}

  /** @throws AppError `not_found` */
  canActivate(context: ExecutionContext): boolean {
    const { raw } = context.switchToHttp().getRequest<FastifyRequest>();
    if (this.platform.NEXUS_ENV !== 'development' || !isLocalVisitor(exchangeOf(raw))) throw errors.not_found();
    return true;
  }
}
