// Package kubernetes checks the example for Kubernetes against Kubernetes' own types.
package kubernetes

import (
	"bytes"
	"os"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

// A field that Kubernetes doesn't know, or of another type, is an error: kubectl only warns of it.
func TestExample(t *testing.T) {
	text, err := os.ReadFile("../../cmd/smshook/examples/kubernetes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var deployment apps.Deployment
	var service core.Service
	var budget policy.PodDisruptionBudget
	documents := bytes.Split(text, []byte("---\n"))
	into := []any{&deployment, &service, &budget}
	if len(documents) != len(into) {
		t.Fatalf("%d documents, want %d", len(documents), len(into))
	}
	for i, document := range documents {
		if err := yaml.UnmarshalStrict(document, into[i]); err != nil {
			t.Fatal(err)
		}
	}
	for _, kind := range []struct{ got, want string }{
		{deployment.APIVersion + " " + deployment.Kind, "apps/v1 Deployment"},
		{service.APIVersion + " " + service.Kind, "v1 Service"},
		{budget.APIVersion + " " + budget.Kind, "policy/v1 PodDisruptionBudget"},
	} {
		if kind.got != kind.want {
			t.Errorf("%s, want %s", kind.got, kind.want)
		}
	}

	pod := deployment.Spec.Template
	for name, selector := range map[string]map[string]string{
		"deployment": deployment.Spec.Selector.MatchLabels,
		"service":    service.Spec.Selector,
		"budget":     budget.Spec.Selector.MatchLabels,
		"spread":     pod.Spec.TopologySpreadConstraints[0].LabelSelector.MatchLabels,
	} {
		for label, value := range selector {
			if pod.Labels[label] != value {
				t.Errorf("the selector of the %s doesn't find the pods: %s=%s", name, label, value)
			}
		}
		if len(selector) == 0 {
			t.Errorf("the selector of the %s finds all pods", name)
		}
	}
	if *deployment.Spec.Replicas != 2 {
		t.Errorf("%d replicas, want 2", *deployment.Spec.Replicas)
	}
	container := pod.Spec.Containers[0]
	ports := map[string]bool{}
	for _, port := range container.Ports {
		ports[port.Name] = true
	}
	for name, probe := range map[string]*core.Probe{"startup": container.StartupProbe, "liveness": container.LivenessProbe, "readiness": container.ReadinessProbe} {
		if !ports[probe.HTTPGet.Port.String()] {
			t.Errorf("the %s probe asks a port that the container hasn't: %s", name, probe.HTTPGet.Port.String())
		}
	}
	if to := service.Spec.Ports[0].TargetPort.String(); to != "http" || !ports[to] {
		t.Errorf("the service sends calls to the port %s: metrics are for the operator alone", to)
	}
	volumes := map[string]bool{}
	for _, volume := range pod.Spec.Volumes {
		volumes[volume.Name] = true
	}
	for _, mount := range container.VolumeMounts {
		if !volumes[mount.Name] {
			t.Errorf("there is no volume %s", mount.Name)
		}
	}
	// The program takes up to 9 s to end, after the pause of preStop.
	if pause := container.Lifecycle.PreStop.Sleep.Seconds; *pod.Spec.TerminationGracePeriodSeconds < pause+9 {
		t.Errorf("killed %d s after the order to end, %d of them spent in preStop", *pod.Spec.TerminationGracePeriodSeconds, pause)
	}
}
