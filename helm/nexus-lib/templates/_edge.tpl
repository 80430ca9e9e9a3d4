{{- /* Host names under which clients come: given, or the one of the public address. */ -}}
{{- define "nexus-lib.hostnames" -}}
{{- $host := (urlParse .global.publicUrl).hostname -}}
{{- $public := list -}}
{{- if ne $host "localhost" -}}
{{- $public = list $host -}}
{{- end -}}
{{- .hosts | default $public | toYaml -}}
{{- end -}}

{{- define "nexus-lib.httpRoute" }}
{{- if (.values.httpRoute).enabled }}
{{- $route := .values.httpRoute }}
{{- $hosts := include "nexus-lib.hostnames" (merge (dict "hosts" $route.hostnames) .) | fromYamlArray }}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  {{- include "nexus-lib.metadata" . | nindent 2 }}
spec:
  parentRefs:
    {{- toYaml $route.parentRefs | nindent 4 }}
  {{- with $hosts }}
  hostnames:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  rules:
    - matches:
        - path:
            type: PathPrefix
            value: /
      timeouts:
        request: {{ $route.requestTimeout }}
      backendRefs:
        - name: {{ .name }}
          port: {{ .spec.port }}
{{- end }}
{{- end -}}

{{- define "nexus-lib.ingress" }}
{{- if (.values.ingress).enabled }}
{{- $ingress := .values.ingress }}
{{- $hosts := include "nexus-lib.hostnames" (merge (dict "hosts" $ingress.hosts) .) | fromYamlArray }}
{{- $annotations := "" }}
{{- with $ingress.annotations }}
{{- $annotations = toYaml . }}
{{- end }}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  {{- include "nexus-lib.metadata" (merge (dict "annotations" $annotations) .) | nindent 2 }}
spec:
  {{- with $ingress.className }}
  ingressClassName: {{ . }}
  {{- end }}
  {{- with $ingress.tls }}
  tls:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  rules:
    {{- range $hosts | default (list "") }}
    - {{ with . }}host: {{ . }}
      {{ end }}http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: {{ $.name }}
                port:
                  name: {{ $.spec.portName }}
    {{- end }}
{{- end }}
{{- end -}}
