/** The Kubernetes documents of the charts, as far as the specs look into them. */
import type { Manifest } from '../../../tools/helm/render.js';

export type { Manifest };
export type Labels = Readonly<Record<string, string>>;

export interface LabelSelector {
  matchLabels?: Labels;
  matchExpressions?: readonly { key: string; operator: string; values?: readonly string[] }[];
}

export interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: {
    secretKeyRef?: { name: string; key: string };
    configMapKeyRef?: { name: string; key: string };
    fieldRef?: { fieldPath: string };
    resourceFieldRef?: { resource: string };
  };
}

export interface SecurityContext {
  runAsNonRoot?: boolean;
  runAsUser?: number;
  runAsGroup?: number;
  fsGroup?: number;
  seccompProfile?: { type: string };
  allowPrivilegeEscalation?: boolean;
  readOnlyRootFilesystem?: boolean;
  privileged?: boolean;
  capabilities?: { drop?: string[]; add?: string[] };
  sysctls?: unknown[];
}

export interface Probe {
  httpGet?: { path: string; port: number | string; scheme?: string };
  exec?: unknown;
  tcpSocket?: unknown;
  grpc?: unknown;
  periodSeconds?: number;
  timeoutSeconds?: number;
  failureThreshold?: number;
}

export interface Container {
  name: string;
  image: string;
  command?: string[];
  args?: string[];
  env?: EnvVar[];
  envFrom?: { configMapRef?: { name: string }; secretRef?: { name: string } }[];
  ports?: { name?: string; containerPort: number; protocol?: string; hostPort?: number }[];
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
  securityContext?: SecurityContext;
  volumeMounts?: { name: string; mountPath: string; subPath?: string; readOnly?: boolean }[];
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  lifecycle?: { preStop?: { sleep?: { seconds: number }; exec?: unknown } };
}

/** A file of a volume whose files are named one by one. */
export interface KeyToPath {
  key: string;
  path: string;
}

export interface VolumeSource {
  secret?: { secretName?: string; name?: string; items?: KeyToPath[]; optional?: boolean };
  configMap?: { name: string; items?: KeyToPath[]; optional?: boolean };
  serviceAccountToken?: { path: string; audience?: string; expirationSeconds?: number };
}

export interface Volume extends VolumeSource {
  name: string;
  emptyDir?: { sizeLimit?: string; medium?: string };
  persistentVolumeClaim?: { claimName: string };
  csi?: { driver: string; readOnly?: boolean; volumeAttributes?: Record<string, string> };
  projected?: { sources: VolumeSource[] };
  hostPath?: unknown;
}

export interface PodSpec {
  serviceAccountName?: string;
  automountServiceAccountToken?: boolean;
  securityContext?: SecurityContext;
  containers: Container[];
  initContainers?: Container[];
  volumes?: Volume[];
  terminationGracePeriodSeconds?: number;
  restartPolicy?: string;
  hostNetwork?: boolean;
  hostPID?: boolean;
  hostIPC?: boolean;
  affinity?: {
    podAntiAffinity?: {
      preferredDuringSchedulingIgnoredDuringExecution?: {
        podAffinityTerm: { topologyKey: string; labelSelector?: LabelSelector };
      }[];
    };
  };
  topologySpreadConstraints?: {
    topologyKey: string;
    maxSkew: number;
    whenUnsatisfiable: string;
    labelSelector?: LabelSelector;
    matchLabelKeys?: string[];
  }[];
}

export interface PodTemplate {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: PodSpec;
}

export interface DeploymentSpec {
  replicas?: number;
  selector: LabelSelector;
  minReadySeconds?: number;
  revisionHistoryLimit?: number;
  strategy?: { type?: string; rollingUpdate?: { maxSurge?: number | string; maxUnavailable?: number | string } };
  template: PodTemplate;
}

export interface ServiceSpec {
  type?: string;
  clusterIP?: string;
  selector?: Labels;
  ports: { name?: string; port: number; targetPort?: number | string; protocol?: string }[];
}

interface ScalingRules {
  stabilizationWindowSeconds?: number;
  selectPolicy?: string;
  policies?: { type: string; value: number; periodSeconds: number }[];
}

export interface AutoscalerSpec {
  scaleTargetRef: { apiVersion: string; kind: string; name: string };
  minReplicas?: number;
  maxReplicas: number;
  metrics?: { type: string; resource?: { name: string; target: { type: string; averageUtilization?: number } } }[];
  behavior?: { scaleUp?: ScalingRules; scaleDown?: ScalingRules };
}

export interface DisruptionBudgetSpec {
  maxUnavailable?: number | string;
  minAvailable?: number | string;
  unhealthyPodEvictionPolicy?: string;
  selector: LabelSelector;
}

export interface PolicyPeer {
  podSelector?: LabelSelector;
  namespaceSelector?: LabelSelector;
  ipBlock?: { cidr: string; except?: readonly string[] };
}

export interface PolicyPort {
  protocol?: string;
  port?: number | string;
  endPort?: number;
}

export interface NetworkPolicySpec {
  podSelector: LabelSelector;
  policyTypes?: string[];
  ingress?: { from?: PolicyPeer[]; ports?: PolicyPort[] }[];
  egress?: { to?: PolicyPeer[]; ports?: PolicyPort[] }[];
}

export interface CertificateSpec {
  secretName: string;
  uris?: string[];
  dnsNames?: string[];
  usages?: string[];
  duration?: string;
  renewBefore?: string;
  privateKey?: { algorithm?: string; size?: number; rotationPolicy?: string };
  issuerRef: { name: string; kind?: string; group?: string };
}

/** The kinds whose specs are looked into. */
interface Specs {
  Deployment: DeploymentSpec;
  Service: ServiceSpec;
  HorizontalPodAutoscaler: AutoscalerSpec;
  PodDisruptionBudget: DisruptionBudgetSpec;
  NetworkPolicy: NetworkPolicySpec;
  Certificate: CertificateSpec;
  Job: { template: PodTemplate; ttlSecondsAfterFinished?: number };
  HTTPRoute: {
    parentRefs?: { name: string; namespace?: string }[];
    hostnames?: string[];
    rules: { matches?: unknown[]; backendRefs?: { name: string; port?: number; kind?: string }[] }[];
  };
  Ingress: {
    ingressClassName?: string;
    tls?: { hosts?: string[]; secretName?: string }[];
    rules?: {
      host?: string;
      http?: {
        paths: {
          path?: string;
          pathType: string;
          backend: { service?: { name: string; port: { name?: string; number?: number } } };
        }[];
      };
    }[];
  };
}

export type Typed<K extends keyof Specs> = Manifest & { readonly spec: Specs[K] };

/** The documents of a kind. */
export function ofKind<K extends keyof Specs>(documents: readonly Manifest[], kind: K): Typed<K>[] {
  return documents.filter((document): document is Typed<K> => document.kind === kind);
}

/** What a document is called in a sentence. */
export const named = ({ kind, metadata }: Manifest): string => `${kind} ${metadata.name}`;

/** The hooks of a document: `pre-install`, `test`, … */
export function hooksOf({ metadata }: Manifest): string[] {
  return (metadata.annotations?.['helm.sh/hook'] ?? '').split(',').flatMap((hook) => hook.trim() || []);
}

/** What makes pods. */
export interface Workload {
  readonly document: Manifest;
  /** What its pods do: serve for as long as they run, migrate once, or test a release. */
  readonly does: 'serve' | 'migrate' | 'test';
  readonly template: PodTemplate;
  readonly labels: Labels;
  readonly spec: PodSpec;
}

function templateOf({ kind, metadata, spec }: Manifest): PodTemplate | undefined {
  const inner = spec as { template?: PodTemplate; jobTemplate?: { spec: { template: PodTemplate } } } | undefined;
  if (kind === 'Pod') return { metadata, spec: spec as PodSpec } as PodTemplate;
  if (kind === 'CronJob') return inner?.jobTemplate?.spec.template;
  return ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job'].includes(kind) ? inner?.template : undefined;
}

/** Everything that makes pods, hooks and tests too. */
export function workloadsOf(documents: readonly Manifest[]): Workload[] {
  return documents.flatMap((document) => {
    const template = templateOf(document);
    if (!template) return [];
    const hooks = hooksOf(document);
    const does = hooks.includes('test') ? 'test' : hooks.length > 0 ? 'migrate' : 'serve';
    return [{ document, does, template, labels: template.metadata?.labels ?? {}, spec: template.spec }] as const;
  });
}

/** Every container of a pod. */
export const containersOf = ({ containers, initContainers = [] }: PodSpec): Container[] => [
  ...initContainers,
  ...containers,
];

/** The service that a document belongs to. */
export function serviceOf(labels: Labels | undefined): string {
  return labels?.['app.kubernetes.io/name'] ?? '';
}

/** Whether labels are selected; an empty selector selects all. */
export function selects({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
        default:
          throw new Error(`Unknown operator ${operator}`);
      }
    })
  );
}
