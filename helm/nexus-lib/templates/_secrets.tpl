{{- /*
Who writes the files that hold secrets. Whoever it is, a process finds them in /etc/nexus/secrets when it starts.
No secret is in the charts: they only say where each one is kept.
*/ -}}
{{- define "nexus-lib.secretName" -}}
{{- if eq .global.secrets.provider "existingSecret" -}}
{{- .values.secrets.existingSecret | default (printf "%s-secrets" (include "nexus-lib.fullname" .)) -}}
{{- else -}}
{{- printf "%s-secrets" .name -}}
{{- end -}}
{{- end -}}

{{- /* The injector of the Vault Agent brings its own volume. */ -}}
{{- define "nexus-lib.hasSecretVolume" -}}
{{- ne .global.secrets.provider "agent" -}}
{{- end -}}

{{- define "nexus-lib.secretVolume" -}}
{{- $provider := .global.secrets.provider -}}
{{- if eq $provider "agent" -}}
{{- /* The one token of the pod: for Vault alone, and not mounted into the process. */ -}}
- name: vault-token
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken:
          path: token
          audience: {{ .global.secrets.vault.audience }}
          expirationSeconds: 3600
{{- else if eq $provider "csi" -}}
- name: secrets
  csi:
    driver: secrets-store.csi.k8s.io
    readOnly: true
    volumeAttributes:
      secretProviderClass: {{ .name }}
{{- else -}}
- name: secrets
  secret:
    secretName: {{ include "nexus-lib.secretName" . }}
    defaultMode: 0440
    items:
      {{- range $file, $secret := include "nexus-lib.secretFiles" . | fromYaml }}
      - key: {{ $secret.key }}
        path: {{ $file }}
      {{- end }}
{{- end -}}
{{- end -}}

{{- define "nexus-lib.secretObjects" }}
{{- $provider := .global.secrets.provider }}
{{- if eq $provider "vso" }}
{{- include "nexus-lib.vaultOperator" . }}
{{- else if eq $provider "csi" }}
{{- include "nexus-lib.secretProviderClass" . }}
{{- else if eq $provider "external-secrets" }}
{{- include "nexus-lib.externalSecret" . }}
{{- end }}
{{- end -}}

{{- define "nexus-lib.externalSecret" }}
{{- $store := .global.secrets.store }}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  {{- include "nexus-lib.metadata" . | nindent 2 }}
spec:
  refreshInterval: {{ .global.secrets.refreshInterval }}
  secretStoreRef:
    name: {{ $store.name }}
    kind: {{ $store.kind }}
  target:
    name: {{ include "nexus-lib.secretName" . }}
    creationPolicy: Owner
  data:
    {{- range $file, $secret := include "nexus-lib.secretFiles" . | fromYaml }}
    - secretKey: {{ $secret.key }}
      remoteRef:
        key: {{ $store.path }}/{{ $.service }}
        property: {{ $secret.key }}
    {{- end }}
{{- end -}}
