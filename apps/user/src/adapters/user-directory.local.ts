import { Injectable } from '@nestjs/common';
import { type AccountFacts, type DirectoryUser, UserDirectory } from '@nexus/contracts';
import type { CallContext } from '@nexus/kernel';
import { DirectoryService } from '../profiles/directory.service.js';

/** This service's side of {@link UserDirectory}. */
@Injectable()
export class LocalUserDirectory extends UserDirectory {
  constructor(private readonly directory: DirectoryService) {
    super();
  }

  ensure(_ctx: CallContext, input: AccountFacts): Promise<DirectoryUser> {
    return this.directory.ensure(input);
  }

  async find(_ctx: CallContext, { ids }: { ids: string[] }): Promise<{ users: DirectoryUser[] }> {
    return { users: await this.directory.find(ids) };
  }
}
