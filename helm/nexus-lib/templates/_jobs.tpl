{{- /*
Brings the service's schema up to date before the new pods start; the old ones go on with it meanwhile, so a migration
only adds. Two at once do no harm: they take turns on a lock in the database.
*/ -}}
{{- define "nexus-lib.migrationJob" }}
---
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "nexus-lib.metadata" (merge (dict "weight" "-10") .) | nindent 2 }}
spec:
  {{- /* Pods that failed stay until the end of the Job, with their logs: they say why. */}}
  backoffLimit: 3
  activeDeadlineSeconds: 900
  ttlSecondsAfterFinished: 3600
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
    spec:
      {{- include "nexus-lib.podSecurity" . | nindent 6 }}
      restartPolicy: Never
      containers:
        - name: migration
          {{- $target := ternary "all" .service (eq .service "nexus") }}
          {{- include "nexus-lib.container" (merge (dict "arguments" (list (printf "--target=%s" $target) "--migrate")) .) | nindent 10 }}
      volumes:
        {{- include "nexus-lib.volumes" . | nindent 8 }}
{{- end -}}

{{- /* Asks the service whether it is ready, by the name that others use: a gateway on its port, the others on management. */ -}}
{{- define "nexus-lib.testPod" }}
{{- $isEdge := eq .spec.portName "http" }}
{{- $host := ternary .target (printf "%s-management" .target) $isEdge }}
{{- $port := ternary .spec.port 9180 $isEdge }}
---
apiVersion: v1
kind: Pod
metadata:
  {{- include "nexus-lib.metadata" (merge (dict "weight" "-10") .) | nindent 2 }}
spec:
  {{- include "nexus-lib.podSecurity" . | nindent 2 }}
  restartPolicy: Never
  activeDeadlineSeconds: 120
  containers:
    - name: test
      image: {{ include "nexus-lib.image" . | quote }}
      imagePullPolicy: {{ .global.image.pullPolicy }}
      command:
        - node
        - --max-old-space-size=64
        - --input-type=module
        - --eval
        - >-
          const answer = await fetch(process.argv[1], { signal: AbortSignal.timeout(10000) });
          console.log(answer.status, await answer.text());
          process.exit(answer.ok ? 0 : 1);
        - http://{{ $host }}:{{ $port }}/health/ready
      resources:
        {{- range list "requests" "limits" }}
        {{ . }}:
          cpu: 100m
          memory: 128Mi
        {{- end }}
      securityContext:
        {{- include "nexus-lib.containerSecurity" . | nindent 8 }}
      volumeMounts:
        - name: tmp
          mountPath: /tmp
  volumes:
    - name: tmp
      emptyDir:
        sizeLimit: 16Mi
{{- end -}}
