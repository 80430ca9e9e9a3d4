{{- /*
The platform's own clients spread their calls over the addresses behind a name, so a service's name leads to its pods
(no cluster IP); the gateway's to one address. Management has a name of its own, which nobody needs who asks the service.
*/ -}}
{{- define "nexus-lib.services" }}
---
apiVersion: v1
kind: Service
metadata:
  {{- $annotations := "" }}
  {{- with (.values.service).annotations }}
  {{- $annotations = toYaml . }}
  {{- end }}
  {{- include "nexus-lib.metadata" (merge (dict "annotations" $annotations) .) | nindent 2 }}
spec:
  type: ClusterIP
  {{- if eq .spec.portName "https" }}
  clusterIP: None
  {{- end }}
  selector:
    {{- include "nexus-lib.selectorLabels" . | nindent 4 }}
  ports:
    - name: {{ .spec.portName }}
      port: {{ .spec.port }}
      targetPort: {{ .spec.portName }}
      protocol: TCP
      appProtocol: {{ .spec.portName }}
---
apiVersion: v1
kind: Service
metadata:
  {{- include "nexus-lib.metadata" (merge (dict "suffix" "-management") .) | nindent 2 }}
spec:
  type: ClusterIP
  clusterIP: None
  selector:
    {{- include "nexus-lib.selectorLabels" . | nindent 4 }}
  ports:
    - name: management
      port: 9180
      targetPort: management
      protocol: TCP
      appProtocol: http
{{- end -}}
