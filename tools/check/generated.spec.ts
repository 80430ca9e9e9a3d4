import { afterEach, describe, expect, it } from '@jest/globals';
import { type FixtureTree, fixtureTree } from './fixture-tree.ts';

describe('generated files are current', () => {
  let tree: FixtureTree;
  afterEach(() => tree.remove());

  it('passes what the generator calls current, and asks it to compare only', () => {
    tree = fixtureTree({ 'tools/generate/main.ts': `process.exit(process.argv[2] === '--check' ? 0 : 1);\n` });
    expect(tree.run('generated.ts')).toEqual({ code: 0, output: '1 generator(s): no faults\n' });
  });

  it('fails with what the generator said and how to mend it', () => {
    tree = fixtureTree({ 'tools/generate/main.ts': `console.error('docs/errors.md:3 differs');\nprocess.exit(1);\n` });
    const { code, output } = tree.run('generated.ts');
    expect(output).toContain('not current, run npm run generate\ndocs/errors.md:3 differs\n');
    expect(code).toBe(1);
  });

  it('fails when the generator crashes', () => {
    tree = fixtureTree({ 'tools/generate/main.ts': `process.kill(process.pid, 'SIGKILL');\n` });
    expect(tree.run('generated.ts')).toMatchObject({ code: 1 });
  });

  it('has nothing to compare where there is no generator', () => {
    tree = fixtureTree({});
    expect(tree.run('generated.ts')).toEqual({ code: 0, output: '0 generator(s): no faults\n' });
  });
});
