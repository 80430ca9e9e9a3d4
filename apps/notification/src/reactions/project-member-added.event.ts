import { Injectable } from '@nestjs/common';
import type { EventData, EventEnvelope, ProjectRole, projectMemberAdded } from '@nexus/contracts';
import type { Transaction } from '@nexus/database';
import { EventHandler } from '@nexus/messaging';
import { InboxService } from '../inbox/inbox.service.js';
import { plainLine } from '../markup/plain-line.js';

const MAY: Readonly<Record<ProjectRole, string>> = {
  viewer: 'You can now see the project and its files.',
  editor: 'You can now change the project and its files.',
  owner: 'You now own the project and decide who takes part in it.',
};

/** Tells a person of the project they are a member of now. */
@Injectable()
export class ProjectMemberAddedHandler extends EventHandler<typeof projectMemberAdded> {
  constructor(private readonly inbox: InboxService) {
    super();
  }

  async handle(tx: Transaction, { data }: EventEnvelope<EventData<typeof projectMemberAdded>>): Promise<void> {
    await this.inbox.add(tx, {
      userId: data.user_id,
      category: 'project',
      title: `You were added to “${plainLine(data.project_name, 120)}”`,
      body: MAY[data.role],
      data: { project_id: data.project_id, role: data.role },
    });
  }
}
