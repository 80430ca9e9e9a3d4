{{- /*
Every define takes one context, a dict of
  root     the chart's own context
  service  name of the service; "nexus" for the process that holds all
  values   its values
  global   the global values
  spec     what it declares of itself (_platform.tpl)
and, once there is one (nexus-lib.workload),
  name     name of the objects
  account  name of the ServiceAccount
  role     "service", "migration" or "test"
*/ -}}

{{- /* Name of the objects of a service in this release. Takes root and service. */ -}}
{{- define "nexus-lib.fullname" -}}
{{- if eq .root.Release.Name .service -}}
{{- .service -}}
{{- else -}}
{{- printf "%s-%s" .root.Release.Name .service -}}
{{- end -}}
{{- end -}}

{{- /* Host name of another service: charts that are installed one by one have releases named after the services. */ -}}
{{- define "nexus-lib.host" -}}
{{- $given := get .global.hosts .peer -}}
{{- if $given -}}
{{- $given -}}
{{- else if eq .root.Release.Name .service -}}
{{- .peer -}}
{{- else -}}
{{- printf "%s-%s" .root.Release.Name .peer -}}
{{- end -}}
{{- end -}}

{{- /* What the pods of a workload are found by. */ -}}
{{- define "nexus-lib.selectorLabels" -}}
app.kubernetes.io/name: {{ ternary .service (printf "%s-%s" .service .role) (eq .role "service") }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end -}}

{{- define "nexus-lib.labels" -}}
{{ include "nexus-lib.selectorLabels" . }}
app.kubernetes.io/component: {{ .role }}
app.kubernetes.io/part-of: nexus
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- /* Metadata of an object. Takes besides: suffix (of the name), annotations (as YAML). */ -}}
{{- define "nexus-lib.metadata" -}}
name: {{ .name }}{{ .suffix }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "nexus-lib.labels" . | nindent 2 }}
{{- $annotations := include "nexus-lib.annotations" . | trim }}
{{- with $annotations }}
annotations:
  {{- . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* Own annotations, and those of a hook: what a migration or a test needs comes before it and goes after it. */ -}}
{{- define "nexus-lib.annotations" -}}
{{- with .annotations }}{{ . }}{{ end }}
{{- if eq .role "migration" }}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ .weight | default "-20" | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- else if eq .role "test" }}
helm.sh/hook: test
helm.sh/hook-weight: {{ .weight | default "-20" | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
{{- end -}}

{{- define "nexus-lib.image" -}}
{{- with .global.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (default $.root.Chart.AppVersion .tag) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The three groups of values that a service may have of its own, over what all have. */ -}}
{{- define "nexus-lib.autoscaling" -}}
{{- mergeOverwrite (deepCopy .global.autoscaling) (deepCopy .values.autoscaling) | toYaml -}}
{{- end -}}

{{- /* The most pods that there can be. */ -}}
{{- define "nexus-lib.maxPods" -}}
{{- $scale := include "nexus-lib.autoscaling" . | fromYaml -}}
{{- int (ternary $scale.maxReplicas $scale.minReplicas $scale.enabled) -}}
{{- end -}}

{{- define "nexus-lib.resources" -}}
{{- mergeOverwrite (deepCopy .global.resources) (deepCopy .values.resources) | toYaml -}}
{{- end -}}

{{- define "nexus-lib.pool" -}}
{{- mergeOverwrite (deepCopy (get .global.postgres.pools .global.environment)) (deepCopy .values.pool) | toYaml -}}
{{- end -}}
