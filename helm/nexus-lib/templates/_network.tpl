{{- /* Pods of the platform in this namespace that belong to a service. Takes the name of the service. */ -}}
{{- define "nexus-lib.peer" -}}
podSelector:
  matchLabels:
    app.kubernetes.io/name: {{ . }}
    app.kubernetes.io/part-of: nexus
{{- end -}}

{{- /* Systems outside the platform: DNS always, Vault where its agent runs in the pod. Takes besides: systems. */ -}}
{{- define "nexus-lib.egressToSystems" -}}
{{- $policy := .global.networkPolicy -}}
{{- $places := list $policy.dns -}}
{{- range .systems -}}
{{- $places = append $places (get $policy.systems .) -}}
{{- end -}}
{{- if eq .global.secrets.provider "agent" -}}
{{- $places = append $places $policy.vault -}}
{{- end -}}
{{- range $places }}
- to:
    {{- toYaml .to | nindent 4 }}
  ports:
    {{- toYaml .ports | nindent 4 }}
{{- end }}
{{- end -}}

{{- /* Nothing comes in or goes out, but what the second one lets through: the calls and systems that services declare. */ -}}
{{- define "nexus-lib.networkPolicies" }}
{{- $policy := .global.networkPolicy }}
{{- $platform := include "nexus-lib.platform" . | fromYaml }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "nexus-lib.metadata" (merge (dict "suffix" "-default-deny") .) | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "nexus-lib.selectorLabels" . | nindent 6 }}
  policyTypes:
    - Ingress
    - Egress
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "nexus-lib.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "nexus-lib.selectorLabels" . | nindent 6 }}
  policyTypes:
    - Ingress
    - Egress
  ingress:
    - from:
        {{- if eq .spec.portName "http" }}
        {{- toYaml $policy.clients | nindent 8 }}
        - {{ include "nexus-lib.testPeer" . | nindent 10 | trim }}
        {{- end }}
        {{- range .spec.callers }}
        - {{ include "nexus-lib.peer" . | nindent 10 | trim }}
        {{- end }}
      ports:
        - protocol: TCP
          port: {{ .spec.port }}
    - from:
        {{- toYaml $policy.monitoring | nindent 8 }}
        {{- range $policy.nodeCidrs }}
        - ipBlock:
            cidr: {{ . }}
        {{- end }}
        {{- if eq .spec.portName "https" }}
        - {{ include "nexus-lib.testPeer" . | nindent 10 | trim }}
        {{- end }}
      ports:
        - protocol: TCP
          port: 9180
    {{- with .values.networkPolicy.extraIngress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  egress:
    {{- include "nexus-lib.egressToSystems" (merge (dict "systems" .spec.egress) .) | trim | nindent 4 }}
    {{- range .spec.calls }}
    - to:
        - {{ include "nexus-lib.peer" . | nindent 10 | trim }}
      ports:
        - protocol: TCP
          port: {{ (get $platform.services .).port }}
    {{- end }}
    {{- with .values.networkPolicy.extraEgress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{- /* The pod of `helm test`, of this release. */ -}}
{{- define "nexus-lib.testPeer" -}}
podSelector:
  matchLabels:
    app.kubernetes.io/name: {{ .service }}-test
    app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end -}}

{{- /* Comes before the Job, as it does: DNS and its database are all that a migration talks to. */ -}}
{{- define "nexus-lib.migrationPolicy" }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "nexus-lib.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "nexus-lib.selectorLabels" . | nindent 6 }}
  policyTypes:
    - Ingress
    - Egress
  egress:
    {{- include "nexus-lib.egressToSystems" (merge (dict "systems" (list "postgres")) .) | trim | nindent 4 }}
{{- end -}}

{{- define "nexus-lib.testPolicy" }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "nexus-lib.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "nexus-lib.selectorLabels" . | nindent 6 }}
  policyTypes:
    - Ingress
    - Egress
  egress:
    - to:
        {{- toYaml .global.networkPolicy.dns.to | nindent 8 }}
      ports:
        {{- toYaml .global.networkPolicy.dns.ports | nindent 8 }}
    - to:
        - podSelector:
            matchLabels:
              app.kubernetes.io/name: {{ .service }}
              app.kubernetes.io/instance: {{ .root.Release.Name }}
      ports:
        - protocol: TCP
          port: {{ ternary .spec.port 9180 (eq .spec.portName "http") }}
{{- end -}}
