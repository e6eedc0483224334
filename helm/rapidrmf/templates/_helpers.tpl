{{- define "rapidrmf.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* At most 40 characters: names that are derived from it stay below the 63 of a label. */}}
{{- define "rapidrmf.fullname" -}}
{{- $name := include "rapidrmf.name" . }}
{{- $own := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- .Values.fullnameOverride | default $own | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "rapidrmf.operator" -}}
{{ include "rapidrmf.fullname" . }}-operator
{{- end }}

{{- define "rapidrmf.serviceAccount" -}}
{{- if not (or .Values.serviceAccount.create .Values.serviceAccount.name) }}
{{- fail "serviceAccount.name: name the account that exists already, or set serviceAccount.create: the operator's rights are not given to the account default, which every pod of the namespace may use" }}
{{- end }}
{{- .Values.serviceAccount.name | default (include "rapidrmf.operator" .) }}
{{- end }}

{{- define "rapidrmf.selector" -}}
app.kubernetes.io/name: {{ include "rapidrmf.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "rapidrmf.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ include "rapidrmf.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* The reference of an image: include "rapidrmf.image" (list . .Values.image) */}}
{{- define "rapidrmf.image" -}}
{{- $root := index . 0 }}
{{- $image := index . 1 }}
{{- $tag := printf ":%s" ($image.tag | default $root.Chart.AppVersion) }}
{{- printf "%s%s" $image.repository (ternary (printf "@%s" $image.digest) $tag (ne $image.digest "")) }}
{{- end }}

{{- define "rapidrmf.configMap" -}}
{{- ternary .Values.config.name .Values.config.existingConfigMap .Values.config.create }}
{{- end }}

{{/* Pod Security "restricted". It sets no user: the images have one, and OpenShift assigns its own. */}}
{{- define "rapidrmf.podSecurity" -}}
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "rapidrmf.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* The operator's variables for the webhook; empty if none is configured. */}}
{{- define "rapidrmf.notifications" -}}
{{- $secret := .Values.notifications.existingSecret }}
{{- $private := .Values.notifications.allowPrivateAddresses }}
{{- if and (hasPrefix "http://" .Values.notifications.url) (not $private) }}
{{- fail "notifications.url: http:// sends in the clear; use https://, or set notifications.allowPrivateAddresses" }}
{{- end }}
{{- if or .Values.notifications.url $secret.name }}
- name: NOTIFY_URL
{{- if .Values.notifications.url }}
  value: {{ .Values.notifications.url | quote }}
{{- else }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret.name }}
      key: {{ $secret.urlKey }}
{{- end }}
{{- if and $secret.name $secret.secretKey }}
- name: NOTIFY_SECRET
  valueFrom:
    secretKeyRef:
      name: {{ $secret.name }}
      key: {{ $secret.secretKey }}
{{- end }}
- name: NOTIFY_ALLOW_PRIVATE_ADDRESSES
  value: {{ $private | quote }}
{{- end }}
{{- end }}

{{/* Derived from the values. */}}
{{- define "rapidrmf.notificationPort" -}}
{{- $url := .Values.notifications.url }}
{{- $default := ternary "80" "443" (hasPrefix "http://" $url) }}
{{- $host := ternary (urlParse $url).host "" (ne $url "") }}
{{- regexFind ":[0-9]+$" $host | trimPrefix ":" | default $default }}
{{- end }}

{{/* The operator's permissions on schedules and their runs. It reads no Secrets. */}}
{{- define "rapidrmf.rules" -}}
- apiGroups: [rapidrmf.io]
  resources: [validationschedules]
  verbs: [get, list, watch]
- apiGroups: [rapidrmf.io]
  resources: [validationschedules/status]
  verbs: [update]
- apiGroups: [batch]
  resources: [cronjobs]
  verbs: [get, list, watch, create, update, patch{{ if .Values.rbac.ownerReferencesPermissionEnforcement }}, delete{{ end }}]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
- apiGroups: ['']
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [list, create]
{{- end }}
