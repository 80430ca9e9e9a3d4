{{- /* Annotations that make the injector of the Vault Agent write each file, and again when its secret changes. */ -}}
{{- define "nexus-lib.secretAnnotations" -}}
{{- if eq .global.secrets.provider "agent" -}}
{{- $vault := .global.secrets.vault -}}
vault.hashicorp.com/agent-inject: "true"
{{- if eq .role "migration" }}
{{- /* A sidecar would keep the Job from ever being done. */}}
vault.hashicorp.com/agent-pre-populate-only: "true"
{{- else }}
vault.hashicorp.com/agent-init-first: "true"
{{- end }}
vault.hashicorp.com/auth-path: auth/{{ $vault.authMount }}
vault.hashicorp.com/role: {{ $vault.rolePrefix }}{{ .account }}
vault.hashicorp.com/agent-service-account-token-volume-name: vault-token
vault.hashicorp.com/agent-run-as-user: "10001"
vault.hashicorp.com/agent-run-as-group: "10001"
vault.hashicorp.com/agent-requests-cpu: 25m
vault.hashicorp.com/agent-limits-cpu: 100m
vault.hashicorp.com/agent-requests-mem: 64Mi
vault.hashicorp.com/agent-limits-mem: 64Mi
vault.hashicorp.com/secret-volume-path: /etc/nexus/secrets
vault.hashicorp.com/template-static-secret-render-interval: {{ .global.secrets.refreshInterval }}
{{- range $file, $secret := include "nexus-lib.secretFiles" . | fromYaml }}
{{- $path := printf "%s/data/%s/%s" $vault.mount $vault.path $.service }}
vault.hashicorp.com/agent-inject-secret-{{ $file }}: {{ $path }}
vault.hashicorp.com/agent-inject-perms-{{ $file }}: "0400"
vault.hashicorp.com/agent-inject-template-{{ $file }}: |-
  {{ printf "{{- with secret %q -}}{{ index .Data.data %q }}{{- end -}}" $path $secret.key }}
{{- end }}
{{- end -}}
{{- end -}}

{{- /* The Vault Secrets Operator writes a Secret of the cluster, which should be encrypted at rest. */ -}}
{{- define "nexus-lib.vaultOperator" }}
{{- $vault := .global.secrets.vault }}
---
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultAuth
metadata:
  {{- include "nexus-lib.metadata" . | nindent 2 }}
spec:
  method: kubernetes
  mount: {{ $vault.authMount }}
  kubernetes:
    role: {{ $vault.rolePrefix }}{{ .account }}
    serviceAccount: {{ .account }}
    audiences:
      - {{ $vault.audience }}
---
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultStaticSecret
metadata:
  {{- include "nexus-lib.metadata" . | nindent 2 }}
spec:
  vaultAuthRef: {{ .name }}
  type: kv-v2
  mount: {{ $vault.mount }}
  path: {{ $vault.path }}/{{ .service }}
  refreshAfter: {{ .global.secrets.refreshInterval }}
  destination:
    name: {{ include "nexus-lib.secretName" . }}
    create: true
    transformation:
      excludeRaw: true
{{- end -}}

{{- /* The CSI driver mounts what its Vault provider reads; nothing of it is kept in the cluster. */ -}}
{{- define "nexus-lib.secretProviderClass" }}
{{- $vault := .global.secrets.vault }}
---
apiVersion: secrets-store.csi.x-k8s.io/v1
kind: SecretProviderClass
metadata:
  {{- include "nexus-lib.metadata" . | nindent 2 }}
spec:
  provider: vault
  parameters:
    vaultAddress: {{ $vault.address }}
    vaultAuthMountPath: {{ $vault.authMount }}
    roleName: {{ $vault.rolePrefix }}{{ .account }}
    audience: {{ $vault.audience }}
    objects: |
      {{- range $file, $secret := include "nexus-lib.secretFiles" . | fromYaml }}
      - objectName: {{ $file }}
        secretPath: {{ $vault.mount }}/data/{{ $vault.path }}/{{ $.service }}
        secretKey: {{ $secret.key }}
        filePermission: 0444
      {{- end }}
{{- end -}}
