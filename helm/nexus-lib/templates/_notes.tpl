{{- /* What to do next, for one service. Takes the chart's own context. */ -}}
{{- define "nexus-lib.notes" -}}
{{- $platform := include "nexus-lib.platform" . | fromYaml -}}
{{- $spec := get $platform.services .Chart.Name -}}
{{- $name := include "nexus-lib.fullname" (dict "root" . "service" .Chart.Name) -}}
{{ .Chart.Name }} {{ .Chart.AppVersion }} is installed as {{ $name }} in the namespace {{ .Release.Namespace }}.

1. Wait for it, and ask it whether it is ready:
     kubectl --namespace {{ .Release.Namespace }} rollout status deployment/{{ $name }}
     helm test {{ .Release.Name }} --namespace {{ .Release.Namespace }}
{{ include "nexus-lib.notesOfEnvironment" (dict "root" . "name" $name "identity" true) }}
{{- with $spec.calls }}
4. It asks {{ join ", " . }}: they have to be in this namespace, under the names that global.hosts gives.
{{- end }}
{{- end -}}

{{- /* What has to be there besides the chart. Takes root, name, identity. */ -}}
{{- define "nexus-lib.notesOfEnvironment" -}}
{{- $namespace := .root.Release.Namespace -}}
{{- with .root.Values.global }}
2. Secrets come from: {{ .secrets.provider }}.
{{- if eq .secrets.provider "existingSecret" }} Pods start once the Secret exists whose keys are listed in helm/README.md.
{{- else if eq .secrets.provider "external-secrets" }} The {{ .secrets.store.kind }} {{ .secrets.store.name }} has to have the keys that are listed in helm/README.md.
{{- else }} Vault has to have a role for each ServiceAccount, and the keys that are listed in helm/README.md.
{{- end }}
{{- if $.identity }}
   Certificates come from: {{ .tls.provider }}{{ if eq .tls.provider "cert-manager" }}; look at them with
     kubectl --namespace {{ $namespace }} get certificates
{{- end }}
{{- end }}
3. Hold the namespace to the restricted standard, which every pod of this chart keeps:
     kubectl label namespace {{ $namespace }} pod-security.kubernetes.io/enforce=restricted pod-security.kubernetes.io/audit=restricted pod-security.kubernetes.io/warn=restricted
{{- end }}
{{- end -}}

{{- /* What to do next, for the whole platform. Takes the umbrella's context. */ -}}
{{- define "nexus-lib.platformNotes" -}}
{{- $isSplit := eq .Values.global.mode "split" -}}
{{- $edge := include "nexus-lib.fullname" (dict "root" . "service" (ternary "gateway" "nexus" $isSplit)) -}}
Nexus {{ .Chart.AppVersion }} is installed as {{ ternary "six services" "one process" $isSplit }} in the namespace {{ .Release.Namespace }} ({{ .Values.global.environment }}).

1. Wait for it, and ask it whether it is ready:
     kubectl --namespace {{ .Release.Namespace }} rollout status deployment --selector app.kubernetes.io/instance={{ .Release.Name }}
     helm test {{ .Release.Name }} --namespace {{ .Release.Namespace }}
{{ include "nexus-lib.notesOfEnvironment" (dict "root" . "name" $edge "identity" $isSplit) }}
4. Clients reach it at {{ .Values.global.publicUrl }}. Without a Gateway or an ingress controller:
     kubectl --namespace {{ .Release.Namespace }} port-forward service/{{ $edge }} 8080
     curl http://localhost:8080/health/ready
{{- /* A service that is left out has no values but the switch. */}}
{{- $place := ternary "auth" "monolith" $isSplit }}
{{- if and (or .Values.auth.enabled (not $isSplit)) (not (get .Values $place).admin.email) }}
5. There is no admin yet: set {{ $place }}.admin.email, and the secret admin-password, and upgrade.
{{- end }}
{{- end -}}
