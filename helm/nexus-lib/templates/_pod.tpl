{{- /* What every pod of the platform is held to: the restricted standard of Kubernetes, and no token unless asked for. */ -}}
{{- define "nexus-lib.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
serviceAccountName: {{ .account }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .global.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "nexus-lib.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop:
    - ALL
{{- end -}}

{{- /* The container of the product: image, what it runs, its environment and what it may use. Takes besides: arguments. */ -}}
{{- define "nexus-lib.container" -}}
{{- $resources := include "nexus-lib.resources" . | fromYaml -}}
image: {{ include "nexus-lib.image" . | quote }}
imagePullPolicy: {{ .global.image.pullPolicy }}
workingDir: /app
command:
  - node
  - --max-old-space-size={{ div (mul (int $resources.memoryMebibytes) 3) 4 }}
  - dist/apps/main.js
  {{- range .arguments }}
  - {{ . }}
  {{- end }}
envFrom:
  - configMapRef:
      name: {{ .name }}
resources:
  {{- /* One figure for both: a pod that has what it asks for is never evicted for taking more. */}}
  {{- range list "requests" "limits" }}
  {{ . }}:
    cpu: {{ int $resources.cpuMillicores }}m
    memory: {{ int $resources.memoryMebibytes }}Mi
  {{- end }}
securityContext:
  {{- include "nexus-lib.containerSecurity" . | nindent 2 }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  - name: data
    mountPath: /var/lib/nexus
  {{- if eq (include "nexus-lib.hasSecretVolume" .) "true" }}
  - name: secrets
    mountPath: /etc/nexus/secrets
    readOnly: true
  {{- end }}
  {{- if eq (include "nexus-lib.hasIdentity" .) "true" }}
  - name: tls
    mountPath: /etc/nexus/tls
    readOnly: true
  {{- if .global.tls.bundle.configMap }}
  - name: ca
    mountPath: /etc/nexus/ca
    readOnly: true
  {{- end }}
  {{- end }}
{{- end -}}

{{- define "nexus-lib.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
- name: data
{{- if and (eq .role "service") .values.persistence }}
  persistentVolumeClaim:
    claimName: {{ .values.persistence.existingClaim | default (printf "%s-data" .name) }}
{{- else }}
  emptyDir:
    sizeLimit: 64Mi
{{- end }}
{{- with include "nexus-lib.secretVolume" . }}
{{ . }}
{{- end }}
{{- with include "nexus-lib.identityVolumes" . }}
{{ . }}
{{- end }}
{{- end -}}

{{- define "nexus-lib.serviceAccount" }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "nexus-lib.metadata" (merge (dict "name" .account) .) | nindent 2 }}
automountServiceAccountToken: false
{{- end -}}

{{- /* Kept when the release is removed: the files are the users'. */ -}}
{{- define "nexus-lib.claim" }}
{{- with .values.persistence }}
{{- if not .existingClaim }}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  {{- include "nexus-lib.metadata" (merge (dict "suffix" "-data" "annotations" "helm.sh/resource-policy: keep") $) | nindent 2 }}
spec:
  accessModes:
    - ReadWriteMany
  resources:
    requests:
      storage: {{ .size }}
  {{- with .storageClassName }}
  storageClassName: {{ . }}
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}
