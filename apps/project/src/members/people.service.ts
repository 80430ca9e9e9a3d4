import { Inject, Injectable } from '@nestjs/common';
import { type DirectoryUser, UserDirectory } from '@nexus/contracts';
import { type CallContext, errors } from '@nexus/kernel';
import { LOGGER, type Logger } from '@nexus/observability';

/** What the project service asks about people. */
@Injectable()
export class PeopleService {
  constructor(
    private readonly users: UserDirectory,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Someone who can be made a member.
   * @throws AppError `user_not_found` also for a deactivated person: who may not sign in may not be found by trying ids
   */
  async active(ctx: CallContext, id: string): Promise<DirectoryUser> {
    const { users } = await this.users.find(ctx, { ids: [id] });
    const found = users.find((user) => user.id === id);
    if (found?.status !== 'active') throw errors.user_not_found({ field: 'user_id' });
    return found;
  }

  /** Names by id, as far as they can be learnt: a list of members is worth showing without them. At most 100 ids. */
  async names(ctx: CallContext, ids: string[]): Promise<ReadonlyMap<string, string>> {
    if (ids.length === 0) return new Map();
    try {
      const { users } = await this.users.find(ctx, { ids });
      return new Map(users.map((user) => [user.id, user.name]));
    } catch (error) {
      this.logger.warn('Names of members could not be learnt', { 'http.request.id': ctx.requestId, error });
      return new Map();
    }
  }
}
