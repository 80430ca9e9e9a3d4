{{- /* Its number of pods is the autoscaler's business, where there is one. */ -}}
{{- define "nexus-lib.deployment" }}
{{- $seconds := .values.shutdown }}
{{- $scale := include "nexus-lib.autoscaling" . | fromYaml }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "nexus-lib.metadata" . | nindent 2 }}
spec:
  {{- if not $scale.enabled }}
  replicas: {{ int $scale.minReplicas }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "nexus-lib.selectorLabels" . | nindent 6 }}
  revisionHistoryLimit: 3
  minReadySeconds: {{ int .global.rollout.minReadySeconds }}
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxUnavailable: 0
      maxSurge: {{ int .global.rollout.maxSurge }}
  template:
    metadata:
      labels:
        {{- include "nexus-lib.labels" . | nindent 8 }}
        {{- with .values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        checksum/config: {{ include "nexus-lib.environment" . | sha256sum }}
        {{- with include "nexus-lib.secretAnnotations" . }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- with .values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "nexus-lib.podSecurity" . | nindent 6 }}
      restartPolicy: Always
      {{- /* What the stop takes, and something for the process to be started and ended in. */}}
      terminationGracePeriodSeconds: {{ add $seconds.preStopSeconds (div (add $seconds.drainMs $seconds.idleMs $seconds.timeoutMs 999) 1000) 5 }}
      {{- /* Beside the spread: pods of the version before count here, too. */}}
      affinity:
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
            - weight: 100
              podAffinityTerm:
                topologyKey: kubernetes.io/hostname
                labelSelector:
                  matchLabels:
                    {{- include "nexus-lib.selectorLabels" . | nindent 20 }}
      topologySpreadConstraints:
        {{- range $key, $policy := dict "topology.kubernetes.io/zone" .global.spread.zone "kubernetes.io/hostname" .global.spread.hostname }}
        - topologyKey: {{ $key }}
          maxSkew: 1
          whenUnsatisfiable: {{ $policy }}
          labelSelector:
            matchLabels:
              {{- include "nexus-lib.selectorLabels" $ | nindent 14 }}
          matchLabelKeys:
            - pod-template-hash
        {{- end }}
      containers:
        - name: {{ .service }}
          {{- $target := ternary "all" .service (eq .service "nexus") }}
          {{- include "nexus-lib.container" (merge (dict "arguments" (list (printf "--target=%s" $target))) .) | nindent 10 }}
          ports:
            - name: {{ .spec.portName }}
              containerPort: {{ .spec.port }}
              protocol: TCP
            - name: management
              containerPort: 9180
              protocol: TCP
          {{- include "nexus-lib.probes" . | nindent 10 }}
          lifecycle:
            preStop:
              sleep:
                seconds: {{ int $seconds.preStopSeconds }}
      volumes:
        {{- include "nexus-lib.volumes" . | nindent 8 }}
{{- end -}}

{{- /* By the management port, which asks for no certificate. No probe looks at another service. */ -}}
{{- define "nexus-lib.probes" -}}
startupProbe:
  httpGet:
    path: /health/live
    port: management
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet:
    path: /health/live
    port: management
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet:
    path: /health/ready
    port: management
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
{{- end -}}
