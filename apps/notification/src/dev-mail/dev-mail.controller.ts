import { Controller, Param, Query, Req, Res, UseGuards } from '@nestjs/common';
import { Public } from '@nexus/auth-guards';
import { Endpoint, exchangeOf, writeAnswer } from '@nexus/http';
import type { Page } from '@nexus/kernel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  type CapturedMailView,
  capturedMailSchema,
  type MessagesQuery,
  mailParam,
  messagesQuery,
} from './dev-mail.schemas.js';
import { DevMailService } from './dev-mail.service.js';
import { PAGE_POLICY } from './dev-mail-page.js';
import { LocalVisitorGuard } from './local-visitor.guard.js';

const HEADERS = [
  'Content-Security-Policy',
  PAGE_POLICY,
  'Cache-Control',
  'no-store',
  'Cross-Origin-Resource-Policy',
  'same-origin',
  'Cross-Origin-Opener-Policy',
  'same-origin',
];

function send({ raw }: FastifyRequest, reply: FastifyReply, page: string): void {
  reply.hijack();
  writeAnswer(exchangeOf(raw), 200, page, HEADERS, 'text/html; charset=utf-8');
}

/** Captured mail, in development and from this machine alone. */
@Public()
@UseGuards(LocalVisitorGuard)
@Controller('dev/mail')
export class DevMailController {
  constructor(private readonly mails: DevMailService) {}

  @Endpoint('GET', '', { operation: 'getCapturedMails', summary: 'Captured mail', produces: 'html', hidden: true })
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    send(request, reply, await this.mails.listPage());
  }

  @Endpoint('GET', 'messages', {
    operation: 'listCapturedMails',
    summary: 'Captured mail for tests, newest first',
    list: capturedMailSchema,
    hidden: true,
  })
  messages(@Query({ schema: messagesQuery }) { to }: MessagesQuery): Promise<Page<CapturedMailView>> {
    return this.mails.messages(to);
  }

  @Endpoint('GET', ':mail', {
    operation: 'getCapturedMail',
    summary: 'One captured mail',
    produces: 'html',
    hidden: true,
  })
  async one(
    @Param({ schema: mailParam }) { mail }: { readonly mail: string },
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    send(request, reply, await this.mails.mailPage(mail));
  }
}
