//go:build tools

// Helm, with which the chart is tested. Nothing is compiled from this file: it keeps the modules in go.mod and go.sum.
package helm

import _ "helm.sh/helm/v4/cmd/helm"
