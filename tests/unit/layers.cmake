nlm_unit_test(test_layers LIBS nlm_ir nlm_support)
nlm_unit_test(test_lower_layers LIBS nlm_ir nlm_support)
nlm_unit_test(test_layer_values LIBS nlm_reference SOURCES small_model.c run_model.c)
nlm_unit_test(test_layer_examples LIBS nlm_frontend nlm_ir)
