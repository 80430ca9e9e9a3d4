/** Limits on what stands in one source file. */
import ts from 'typescript';
import type { Fault } from './fault.ts';
import { isSpec } from './source-tree.ts';

const MAX_SOURCE_LINES = 300;
const MAX_SPEC_LINES = 600;
const MAX_APP_ENTRY_LINES = 10;
const MAX_CONSTRUCTOR_PARAMETERS = 7;

/** `it.only`, `describe.concurrent.skip`, …: they leave tests out without anybody noticing. */
const LEFT_OUT = new Set(['only', 'skip', 'failing', 'todo']);
const TEST_FUNCTIONS = new Set(['it', 'test', 'describe']);
const LEFT_OUT_FUNCTIONS = new Set(['fit', 'xit', 'fdescribe', 'xdescribe', 'xtest']);
// Written in pieces so that this file does not find itself.
const WORK_MARK = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX'].join('|')})\\b`);

/** Judges the text of one code file; `file` (relative, forward slashes) decides which rules hold for it. */
export function sourceFaults(file: string, text: string): Fault[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  return [...lengthFaults(file, text), ...workMarkFaults(file, text), ...new Inspection(file, source).faults()];
}

function lengthFaults(file: string, text: string): Fault[] {
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
  const [limit, what] = lengthLimit(file);
  return lines > limit ? [{ file, line: limit + 1, rule: `${lines} lines: ${what} has at most ${limit}` }] : [];
}

function lengthLimit(file: string): [number, string] {
  if (isSpec(file)) return [MAX_SPEC_LINES, 'a spec'];
  if (/^apps\/[^/]+\/src\/main\.ts$/.test(file)) return [MAX_APP_ENTRY_LINES, 'the entry of an app'];
  return [MAX_SOURCE_LINES, 'a source file'];
}

function workMarkFaults(file: string, text: string): Fault[] {
  return text.split('\n').flatMap((content, index) => {
    const mark = WORK_MARK.exec(content);
    return mark ? [{ file, line: index + 1, rule: `${mark[1]}: finish it, or open an issue` }] : [];
  });
}

/** One walk over the syntax tree of a file. */
class Inspection {
  private readonly file: string;
  private readonly source: ts.SourceFile;
  private readonly found: Fault[] = [];
  private readonly processNames = new Set(['process']);

  constructor(file: string, source: ts.SourceFile) {
    this.file = file;
    this.source = source;
  }

  faults(): Fault[] {
    this.visit(this.source);
    return this.found;
  }

  private visit(node: ts.Node): void {
    if (ts.isImportDeclaration(node)) this.noteProcessImport(node);
    if (ts.isConstructorDeclaration(node)) this.checkConstructor(node);
    if (ts.isIdentifier(node)) this.checkIdentifier(node);
    if (this.readsEnvironment(node)) {
      this.add(node, 'process.env is read in libs/config alone: declare the variable in a config slice');
    }
    if (isSpec(this.file)) this.checkLeftOutTest(node);
    ts.forEachChild(node, (child) => this.visit(child));
  }

  private add(node: ts.Node, rule: string): void {
    const { line } = this.source.getLineAndCharacterOfPosition(node.getStart(this.source));
    this.found.push({ file: this.file, line: line + 1, rule });
  }

  private checkConstructor(node: ts.ConstructorDeclaration): void {
    const count = node.parameters.length;
    if (count > MAX_CONSTRUCTOR_PARAMETERS) {
      this.add(node, `${count} constructor parameters: at most ${MAX_CONSTRUCTOR_PARAMETERS}; split the class`);
    }
  }

  private checkIdentifier(node: ts.Identifier): void {
    if (node.text === 'forwardRef') this.add(node, 'no forwardRef: break the cycle');
    if (node.text === 'retryTimes') this.add(node, 'no retryTimes: a test passes the first time or is wrong');
  }

  /** `import p from 'node:process'` gives process another name. */
  private noteProcessImport(node: ts.ImportDeclaration): void {
    if (!namesProcessModule(node.moduleSpecifier)) return;
    const clause = node.importClause;
    if (clause?.name) this.processNames.add(clause.name.text);
    if (clause?.namedBindings && ts.isNamespaceImport(clause.namedBindings)) {
      this.processNames.add(clause.namedBindings.name.text);
    }
  }

  private readsEnvironment(node: ts.Node): boolean {
    if (!mustNotReadEnvironment(this.file)) return false;
    if (ts.isPropertyAccessExpression(node)) return node.name.text === 'env' && this.isProcess(node.expression);
    if (ts.isElementAccessExpression(node)) {
      const key = node.argumentExpression;
      return ts.isStringLiteralLike(key) && key.text === 'env' && this.isProcess(node.expression);
    }
    if (ts.isImportSpecifier(node)) {
      const { moduleSpecifier } = node.parent.parent.parent;
      return (node.propertyName ?? node.name).text === 'env' && namesProcessModule(moduleSpecifier);
    }
    if (ts.isBindingElement(node) && ts.isVariableDeclaration(node.parent.parent)) {
      const { initializer } = node.parent.parent;
      return (
        (node.propertyName ?? node.name).getText(this.source) === 'env' && !!initializer && this.isProcess(initializer)
      );
    }
    return false;
  }

  private isProcess(node: ts.Expression): boolean {
    if (ts.isIdentifier(node)) return this.processNames.has(node.text);
    return ts.isPropertyAccessExpression(node) && node.name.text === 'process';
  }

  private checkLeftOutTest(node: ts.Node): void {
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && LEFT_OUT_FUNCTIONS.has(node.expression.text)) {
      this.add(node, `${node.expression.text}(: every test of a spec runs`);
    }
    if (ts.isPropertyAccessExpression(node) && LEFT_OUT.has(node.name.text) && isTestFunction(node.expression)) {
      this.add(node, `.${node.name.text}: every test of a spec runs`);
    }
  }
}

function namesProcessModule(specifier: ts.Expression): boolean {
  return ts.isStringLiteral(specifier) && /^(node:)?process$/.test(specifier.text);
}

function isTestFunction(node: ts.Expression): boolean {
  if (ts.isIdentifier(node)) return TEST_FUNCTIONS.has(node.text);
  return ts.isPropertyAccessExpression(node) && isTestFunction(node.expression);
}

function mustNotReadEnvironment(file: string): boolean {
  return /^(apps|libs)\//.test(file) && !/^libs\/(config|testing)\//.test(file) && !isSpec(file);
}
