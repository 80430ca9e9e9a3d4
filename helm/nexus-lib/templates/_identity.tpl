{{- /* A process that talks to other services shows them who it is; one that holds them all has nobody to show it to. */ -}}
{{- define "nexus-lib.hasIdentity" -}}
{{- and (eq .role "service") (ne .service "nexus") -}}
{{- end -}}

{{- define "nexus-lib.certificate" }}
{{- $tls := .global.tls }}
{{- if and (eq $tls.provider "cert-manager") (eq (include "nexus-lib.hasIdentity" .) "true") }}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  {{- include "nexus-lib.metadata" . | nindent 2 }}
spec:
  secretName: {{ .name }}-tls
  duration: {{ int $tls.durationHours }}h
  renewBefore: {{ int $tls.renewBeforeHours }}h
  revisionHistoryLimit: 1
  privateKey:
    algorithm: ECDSA
    size: 256
    encoding: PKCS8
    rotationPolicy: Always
  usages:
    - digital signature
    - server auth
    - client auth
  uris:
    - spiffe://{{ $tls.trustDomain }}/ns/{{ .root.Release.Namespace }}/sa/{{ .account }}
  dnsNames:
    - {{ .name }}
    - {{ .name }}.{{ .root.Release.Namespace }}
    - {{ .name }}.{{ .root.Release.Namespace }}.svc
    - {{ .name }}.{{ .root.Release.Namespace }}.svc.cluster.local
  issuerRef:
    name: {{ $tls.issuer.name }}
    kind: {{ $tls.issuer.kind }}
    group: {{ $tls.issuer.group }}
{{- end }}
{{- end -}}

{{- define "nexus-lib.identityVolumes" -}}
{{- $tls := .global.tls -}}
{{- if eq (include "nexus-lib.hasIdentity" .) "true" -}}
{{- if eq $tls.provider "csi-driver-spiffe" -}}
- name: tls
  csi:
    driver: spiffe.csi.cert-manager.io
    readOnly: true
    volumeAttributes:
      spiffe.csi.cert-manager.io/fs-group: "10001"
{{- else -}}
- name: tls
  secret:
    secretName: {{ .name }}-tls
    defaultMode: 0440
{{- end }}
{{- with $tls.bundle.configMap }}
- name: ca
  configMap:
    name: {{ . }}
    items:
      - key: {{ $tls.bundle.key }}
        path: {{ $tls.bundle.key }}
{{- end }}
{{- end -}}
{{- end -}}

{{- /* The authorities that are believed, in a ConfigMap that trust-manager keeps current. Takes the umbrella's context. */ -}}
{{- define "nexus-lib.trustBundle" -}}
{{- with .Values.global.tls.bundle -}}
{{- if .create }}
{{- if or (not .configMap) (not .sources) }}
{{- fail "A bundle of authorities needs a name and something to be made of: set global.tls.bundle.configMap and global.tls.bundle.sources, or global.tls.bundle.create=false." }}
{{- end }}
---
apiVersion: trust.cert-manager.io/v1alpha1
kind: Bundle
metadata:
  name: {{ .configMap }}
  labels:
    app.kubernetes.io/name: nexus
    app.kubernetes.io/instance: {{ $.Release.Name }}
    app.kubernetes.io/component: trust
    app.kubernetes.io/part-of: nexus
    app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
    app.kubernetes.io/managed-by: {{ $.Release.Service }}
    helm.sh/chart: {{ printf "%s-%s" $.Chart.Name $.Chart.Version | replace "+" "_" }}
spec:
  sources:
    {{- toYaml .sources | nindent 4 }}
  target:
    configMap:
      key: {{ .key }}
    namespaceSelector:
      matchLabels:
        kubernetes.io/metadata.name: {{ $.Release.Namespace }}
{{- end }}
{{- end -}}
{{- end -}}
