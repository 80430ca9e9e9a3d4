import { defineErrors } from '@nexus/kernel';

/** What only the project service answers. */
export const projectErrors = defineErrors('project', {
  project_not_found: { status: 404, message: 'There is no such project.' },
  member_not_found: { status: 404, message: 'This person is not a member of the project.' },
  project_role_too_low: { status: 403, message: 'Your role in this project does not allow this.' },
  project_archived: { status: 409, message: 'The project is archived: take it out of the archive first.' },
  project_trashed: { status: 409, message: 'The project is in the trash: restore it first.' },
  last_owner: { status: 409, message: 'A project needs an owner: make someone else an owner first.' },
});
