import 'reflect-metadata';
// Before anything of Nest: its inner modules expect it, and only its main entry brings it.
import 'reflect-metadata';
import type { DynamicModule, Type } from '@nestjs/common';
import { MODULE_METADATA } from '@nestjs/common/internal';

type Import = Type | DynamicModule;

function visitModules(root: Type, visit: (module: Type, dynamic: DynamicModule | undefined) => void): void {
  const seen = new Set<unknown>();
  const walk = (entry: Import) => {
    const dynamic = 'module' in entry ? entry : undefined;
    const module = dynamic ? dynamic.module : (entry as Type);
    if (seen.has(module)) return;
    seen.add(module);
    visit(module, dynamic);
    const imports = (Reflect.getMetadata(MODULE_METADATA.IMPORTS, module) ?? []) as Import[];
    for (const inner of [...imports, ...((dynamic?.imports ?? []) as Import[])]) walk(inner);
  };
  walk(root);
}

/** A module and every module it imports. */
export function collectModules(root: Type): Type[] {
  const modules: Type[] = [];
  visitModules(root, (module) => modules.push(module));
  return modules;
}

/** Every controller of a module and of what it imports. */
export function collectControllers(root: Type): Type[] {
  const controllers = new Set<Type>();
  visitModules(root, (module, dynamic) => {
    const declared = (Reflect.getMetadata(MODULE_METADATA.CONTROLLERS, module) ?? []) as Type[];
    for (const controller of [...declared, ...(dynamic?.controllers ?? [])]) controllers.add(controller);
  });
  return [...controllers];
}
